//! [`Histogram`]: how long deliveries took.

/// Counts numbers, each to a 32nd of itself.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

/// How many places there are between a power of two and the next.
const FINE: u64 = 32;

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram {
            counts: vec![0; 64 * FINE as usize],
            total: 0,
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, number: u64) {
        self.counts[place(number)] += 1;
        self.total += 1;
    }

    pub(crate) fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
    }

    /// The number below which the given part lies. Not a number if there are none.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let wanted = ((self.total as f64 * part).ceil() as u64).max(1);
        let mut below = 0;
        for (place, count) in self.counts.iter().enumerate() {
            below += count;
            if below >= wanted {
                return middle(place as u64);
            }
        }
        f64::NAN
    }
}

fn place(number: u64) -> usize {
    if number < FINE {
        return number as usize;
    }
    let power = u64::from(number.ilog2()) - u64::from(FINE.ilog2());
    (power * FINE + (number >> power)) as usize
}

fn middle(place: u64) -> f64 {
    if place < 2 * FINE {
        return place as f64;
    }
    let power = place / FINE - 1;
    ((place - power * FINE) as f64 + 0.5) * 2_f64.powi(power as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_right_to_a_fiftieth() {
        let mut histogram = Histogram::new();
        assert!(histogram.quantile(0.5).is_nan());
        for number in 1..=100_000 {
            histogram.add(number * 1000);
        }
        for part in [0.001, 0.5, 0.99, 0.999] {
            let exact = 100_000_000.0 * part;
            assert!((histogram.quantile(part) / exact - 1.0).abs() < 0.02, "{part}");
        }
        histogram.clear();
        histogram.add(u64::MAX);
        assert!(histogram.quantile(1.0) > 1e19);
    }
}
