//! [`Plot`]: a curve per contender, as an SVG that reads well on a light and on a dark page.

use std::fmt::Write as _;

/// One curve.
pub struct Curve {
    /// Whose it is.
    pub name: String,
    /// Where it was measured and what was found.
    pub points: Vec<(f64, f64)>,
}

/// A picture of curves; both axes are logarithmic.
pub struct Plot {
    /// What stands above it.
    pub title: String,
    /// What goes to the right, and its unit.
    pub across: String,
    /// What goes up, and its unit.
    pub up: String,
    /// In the order of their colours.
    pub curves: Vec<Curve>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 240.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

/// Distinct for most eyes (after Okabe and Ito).
const COLOURS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#888888",
];

/// One logarithmic axis.
struct Axis {
    low: f64,
    high: f64,
    start: f64,
    end: f64,
}

impl Axis {
    /// An axis that shows all of the values, from `start` to `end` in the picture.
    fn over(values: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Axis {
        let low = values.clone().fold(f64::MAX, f64::min);
        let high = values.fold(f64::MIN_POSITIVE, f64::max);
        // Never of no length, also when all values are the same.
        let (low, high) = (low.min(high), high.max(low * 1.0001));
        Axis {
            low,
            high,
            start,
            end,
        }
    }

    /// The same with room to the next tick on both sides.
    fn widened(self) -> Axis {
        let ticks = ticks(self.low / 10.0, self.high * 10.0);
        let below = ticks.iter().copied().rfind(|tick| *tick <= self.low);
        let above = ticks.iter().copied().find(|tick| *tick >= self.high);
        Axis {
            low: below.unwrap_or(self.low),
            high: above.unwrap_or(self.high),
            ..self
        }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value / self.low).ln() / (self.high / self.low).ln();
        self.start + part * (self.end - self.start)
    }
}

/// 1, 2, 5, 10, 20, 50 and so on, as far as they lie between.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let mut ticks = Vec::new();
    let mut power = 10_f64.powf(low.log10().floor());
    while power <= high {
        ticks.extend([1.0, 2.0, 5.0].map(|times| times * power));
        power *= 10.0;
    }
    ticks.retain(|tick| (low * 0.9999..=high * 1.0001).contains(tick));
    ticks
}

/// A number as an axis shows it.
fn label(number: f64) -> String {
    match number {
        _ if number >= 1e6 => format!("{} M", number / 1e6),
        _ if number >= 1e4 => format!("{} k", number / 1e3),
        _ => format!("{number}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

impl Plot {
    /// The picture.
    pub fn to_svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| curve.points.iter());
        let across = Axis::over(points().map(|point| point.0), LEFT, WIDTH - RIGHT);
        let up = Axis::over(points().map(|point| point.1), HEIGHT - BOTTOM, TOP).widened();
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"28\" font-size=\"17\" font-weight=\"bold\">{}</text>\n",
            escaped(&self.title)
        );
        for tick in ticks(up.low, up.high) {
            let y = up.place(tick);
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#dddddd\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                y + 4.0,
                label(tick)
            );
        }
        // Where something was measured, and nowhere else.
        let mut measured: Vec<f64> = points().map(|point| point.0).collect();
        measured.sort_by(f64::total_cmp);
        measured.dedup();
        for value in measured {
            let x = across.place(value);
            let _ = writeln!(
                svg,
                "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#eeeeee\"/>\
                 <text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 20.0,
                label(value)
            );
        }
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#444444\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n\
             <text transform=\"translate(20 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            right - LEFT,
            bottom - TOP,
            (LEFT + right) / 2.0,
            HEIGHT - 16.0,
            escaped(&self.across),
            (TOP + bottom) / 2.0,
            escaped(&self.up)
        );
        for (at, curve) in self.curves.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let places: Vec<String> = curve
                .points
                .iter()
                .map(|(x, y)| format!("{:.1},{:.1}", across.place(*x), up.place(*y)))
                .collect();
            // Dashed once the colours are used up.
            let dashes = if at < COLOURS.len() { "none" } else { "6 4" };
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
                 stroke-dasharray=\"{dashes}\"/>",
                places.join(" ")
            );
            for place in &places {
                if let Some((x, y)) = place.split_once(',') {
                    let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"3.5\" fill=\"{colour}\"/>");
                }
            }
            let (x, y) = (right + 18.0, TOP + 12.0 + 22.0 * at as f64);
            let _ = writeln!(
                svg,
                "<line x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"3\" \
                 stroke-dasharray=\"{dashes}\"/><text x=\"{}\" y=\"{}\">{}</text>",
                x + 24.0,
                x + 32.0,
                y + 4.0,
                escaped(&curve.name)
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_within_the_bounds() {
        assert_eq!(ticks(3.0, 120.0), [5.0, 10.0, 20.0, 50.0, 100.0]);
        assert_eq!([20_000.0, 3e6, 7.0].map(label), ["20 k", "3 M", "7"]);
    }

    #[test]
    fn equal_distances_are_equal_ratios() {
        let axis = Axis::over([1.0, 100.0].into_iter(), 0.0, 200.0);
        assert!((axis.place(10.0) - 100.0).abs() < 1e-9);
        assert!((axis.place(100.0) - 200.0).abs() < 1e-9);
    }

    #[test]
    fn every_curve_is_drawn_and_named() {
        let plot = Plot {
            title: "a < b".into(),
            across: "entries".into(),
            up: "ns".into(),
            curves: vec![
                Curve {
                    name: "one".into(),
                    points: vec![(1.0, 10.0), (10.0, 30.0)],
                },
                Curve {
                    name: "flat".into(),
                    points: vec![(1.0, 10.0), (10.0, 10.0)],
                },
            ],
        };
        let svg = plot.to_svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 4);
        assert!(svg.contains(">one</text>") && svg.contains("a &lt; b") && !svg.contains("NaN"));
    }
}
