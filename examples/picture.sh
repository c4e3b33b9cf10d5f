# What makes the pictures of the examples: to be sourced. Needs bash, cargo and Chromium, which it installs with apt-get where
# there is none; BROWSER names another browser of that kind.
#
# Each who is in a picture has a browser's context, as a private window is one. The browser is told what to do in its DevTools
# protocol, over a pipe: requests on its descriptor 3, answers on 4, each of them JSON and a zero.

work=$(mktemp -d)
started=()
finish() {
    for process in "${started[@]}"; do
        { kill "$process" && wait "$process"; } 2> /dev/null || true
    done
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

browser=${BROWSER:-$(command -v chromium chromium-browser google-chrome | head -n 1 || true)}
if [ -z "$browser" ]; then
    as_root apt-get update
    as_root apt-get install --yes --no-install-recommends chromium
    browser=chromium
fi

# Runs an example, on any free port: `serve EXAMPLE`. Leaves its address in `address`.
serve() {
    cargo build --quiet --example "$1"
    touch "$work/$1"
    # Cargo becomes the program that it runs, so this is the example's own process.
    cargo run --quiet --example "$1" -- 0 "$work/data" > "$work/$1" &
    started+=($!)
    for ((i = 0; i < 100; i++)); do
        address=$(grep -m 1 -o 'http:.*' "$work/$1" || true)
        [ -z "$address" ] || return 0
        sleep 0.1
    done
    fail "$1 does not say where it is"
}

# The browser. Its sandbox does not start for root.
mkfifo "$work/requests" "$work/answers"
[ "$(id -u)" != 0 ] || set -- --no-sandbox
"$browser" --headless --remote-debugging-pipe --user-data-dir="$work/profile" --no-first-run --hide-scrollbars \
    "$@" about:blank 3< "$work/requests" 4> "$work/answers" > "$work/browser" 2>&1 &
started+=($!)
exec {requests}> "$work/requests" {answers}< "$work/answers"

# Asks the browser, and leaves what it says in `answer`: `ask METHOD PARAMS [SESSION]`.
asked=0
ask() {
    asked=$((asked + 1))
    printf '{"id":%d,"method":"%s","params":%s%s}\0' "$asked" "$1" "$2" "${3:+,\"sessionId\":\"$3\"}" >&"$requests"
    while read -r -d '' -t 20 -u "$answers" answer; do
        case $answer in
            "{\"id\":$asked,\"result\""*) return ;;
            "{\"id\":$asked,"*) fail "$1: $answer" ;;
            # What it tells of its own accord.
            *) ;;
        esac
    done
    cat "$work/browser" >&2
    fail "$1: no answer"
}

# Prints the first text of a name in the answer: `field NAME`.
field() {
    local rest=${answer#*\"$1\":\"}
    printf '%s' "${rest%%\"*}"
}

# Opens a page, and leaves the session with it in `session`: `open URL WIDTH HEIGHT`. There are so many dots to a pixel.
dots=1.5
open() {
    ask Target.createBrowserContext '{}'
    ask Target.createTarget "{\"url\":\"$1\",\"browserContextId\":\"$(field browserContextId)\"}"
    ask Target.attachToTarget "{\"targetId\":\"$(field targetId)\",\"flatten\":true}"
    session=$(field sessionId)
    # So that the time is told in the same way everywhere.
    ask Emulation.setLocaleOverride '{"locale":"en-GB"}' "$session"
    ask Emulation.setDeviceMetricsOverride \
        "{\"width\":$2,\"height\":$3,\"deviceScaleFactor\":$dots,\"mobile\":false}" "$session"
}

# Leaves a picture of a page in `shot`, a PNG in base64.
shoot() {
    ask Page.captureScreenshot '{}' "$1"
    shot=$(field data)
}

# Runs a script, without double quotes, until it ends: `run SESSION SCRIPT`.
run() {
    ask Runtime.evaluate "{\"expression\":\"(async () => { ${2//$'\n'/ } })()\",\"awaitPromise\":true}" "$1"
    [[ $answer != *exceptionDetails* ]] || fail "$answer"
}

# Waits until something is so: `until_so SESSION EXPRESSION`.
until_so() {
    run "$1" "for (let i = 0; !($2); i++) {
        if (i === 200) throw new Error(\`it never was so: $2\`);
        await new Promise((done) => setTimeout(done, 50));
    }"
}

# Waits until somebody sees a text: `sees SESSION TEXT`.
sees() {
    until_so "$1" "document.body?.innerText.includes('$2')"
}

# Fills in a form, as somebody would: `submit SESSION FORM FIELD TEXT`.
submit() {
    run "$1" "document.getElementById('$3').value = '$4'; document.getElementById('$2').requestSubmit();"
}

# Makes a picture of two windows: `side_by_side FILE WIDTH HEIGHT NAME SESSION NAME SESSION`, as large as they are there.
side_by_side() {
    local width=$2 height=$3 html both
    html="<!doctype html><style>
        body { display: flex; gap: 20px; margin: 0; padding: 20px; background: #c9cbd8; }
        section { overflow: hidden; border-radius: 10px; background: #e9e9ef; }
        header { display: flex; align-items: center; gap: 7px; height: 34px; padding: 0 12px; font: 13px sans-serif; color: #636672; }
        i { width: 11px; height: 11px; border-radius: 50%; background: #b9bbc8; }
        i:nth-child(3) { margin-right: 8px; }
        img { display: block; width: ${width}px; height: ${height}px; }
    </style>$(window "$4" "$5")$(window "$6" "$7")"
    open about:blank $((2 * width + 60)) $((height + 74))
    both=$session
    ask Page.getFrameTree '{}' "$both"
    ask Page.setDocumentContent "{\"frameId\":\"$(field id)\",\"html\":\"${html//$'\n'/ }\"}" "$both"
    run "$both" 'await Promise.all([...document.images].map((image) => image.decode()));'
    shoot "$both"
    base64 --decode <<< "$shot" > "$work/picture"
    mv "$work/picture" "$1"
    echo "$PWD/$1: $(wc -c < "$1") bytes"
}

window() {
    shoot "$2"
    echo "<section><header><i></i><i></i><i></i> $1</header><img src='data:image/png;base64,$shot'></section>"
}
