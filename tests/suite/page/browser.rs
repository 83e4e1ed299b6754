//! A headless Chromium, spoken to over a pipe (the Chrome DevTools protocol: JSON, each message ended by a zero byte).

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long an answer may take: other tests run beside.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    calls: u64,
    session: Option<String>,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

/// Keys by name, with the number that Windows gives them.
const KEYS: [(&str, u32); 9] = [
    ("Tab", 9),
    ("Enter", 13),
    (" ", 32),
    ("End", 35),
    ("Home", 36),
    ("ArrowLeft", 37),
    ("ArrowUp", 38),
    ("ArrowRight", 39),
    ("ArrowDown", 40),
];

/// The Alt key, as a modifier.
pub const ALT: u32 = 1;

impl Browser {
    /// Starts Chromium; `None`, and a word about it, where there is none.
    pub fn start() -> Option<Browser> {
        let found = ["chromium", "chromium-browser", "google-chrome"]
            .into_iter()
            .find(|name| Command::new(name).arg("--version").output().is_ok_and(|o| o.status.success()));
        let Some(name) = found else {
            eprintln!("skipped: there is no Chromium here to open the page in");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        // the pipe is file 3 to the browser and file 4 from it
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null"#, name])
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (to, out) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (send, from) = channel();
        std::thread::spawn(move || {
            let mut out = BufReader::new(out);
            let mut message = Vec::new();
            while out.read_until(0, &mut message).is_ok_and(|n| n > 0) {
                message.pop();
                let parsed = serde_json::from_slice(&message).unwrap_or(Value::Null);
                if send.send(parsed).is_err() {
                    return;
                }
                message.clear();
            }
        });
        let events = Vec::new();
        let mut browser = Browser { child, to, from, calls: 0, session: None, events, _profile: profile };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        browser.session =
            browser.call("Target.attachToTarget", attach)["sessionId"].as_str().map(str::to_string);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.size(1280, 900);
        Some(browser)
    }

    /// Asks for something, and waits for the answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.clone().into();
        }
        self.to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let heard = self.from.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("{method}: {e}"));
            if heard["id"] == self.calls {
                assert!(heard["error"].is_null(), "{method}: {heard}");
                return heard["result"].clone();
            }
            self.events.push(heard);
        }
    }

    /// Opens a file; `fragment` is what stands behind the `#`.
    #[track_caller]
    pub fn open(&mut self, page: &Path, fragment: &str) {
        self.call("Page.navigate", json!({"url": "about:blank"}));
        let mut url = format!("file://{}", page.display());
        if !fragment.is_empty() {
            url = format!("{url}#{fragment}");
        }
        self.call("Page.navigate", json!({"url": url}));
        self.until("document.readyState === 'complete' && location.protocol === 'file:'");
    }

    /// The value of an expression in the page.
    #[track_caller]
    pub fn eval(&mut self, expression: &str) -> Value {
        let ask = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.call("Runtime.evaluate", ask);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let start = Instant::now();
        while self.eval(expression) != true {
            assert!(start.elapsed() < PATIENCE, "never true: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses a key.
    #[track_caller]
    pub fn press(&mut self, key: &str, modifiers: u32) {
        let code = KEYS.iter().find(|k| k.0 == key).map_or(0, |k| k.1);
        for kind in ["rawKeyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "code": if key == " " { "Space" } else { key }, "windowsVirtualKeyCode": code, "modifiers": modifiers});
            self.call("Input.dispatchKeyEvent", event);
            if kind == "rawKeyDown" && (key == "Enter" || key == " ") {
                let text = if key == "Enter" { "\r" } else { " " };
                self.call("Input.dispatchKeyEvent", json!({"type": "char", "key": key, "text": text}));
            }
        }
    }

    /// Types into a field, in place of what stands there.
    #[track_caller]
    pub fn fill(&mut self, selector: &str, text: &str) {
        self.eval(&format!(
            "{{ const field = document.querySelector({selector:?}); field.focus(); field.select(); }}"
        ));
        self.call("Input.insertText", json!({"text": text}));
    }

    /// The middle of an element, brought into view.
    #[track_caller]
    pub fn middle(&mut self, selector: &str) -> (f64, f64) {
        let place = self.eval(&format!(
            "{{ const e = document.querySelector({selector:?}); e.scrollIntoView({{block: 'center'}}); const b = e.getBoundingClientRect(); [b.x + b.width / 2, b.y + b.height / 2] }}"
        ));
        (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
    }

    /// Presses the pointer at one place, moves it to the others, and lets go.
    #[track_caller]
    pub fn drag(&mut self, way: &[(f64, f64)]) {
        let mut event = |kind: &str, (x, y): (f64, f64)| {
            let held = i32::from(kind != "mouseReleased");
            self.call(
                "Input.dispatchMouseEvent",
                json!({"type": kind, "x": x, "y": y, "button": "left", "buttons": held, "clickCount": 1}),
            );
        };
        event("mousePressed", way[0]);
        way.iter().for_each(|&place| event("mouseMoved", place));
        event("mouseReleased", *way.last().unwrap());
    }

    /// Clicks on an element.
    #[track_caller]
    pub fn click(&mut self, selector: &str) {
        let place = self.middle(selector);
        self.drag(&[place]);
    }

    /// Sets the size of the screen.
    pub fn size(&mut self, width: u32, height: u32) {
        let mobile = width < 600;
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile});
        self.call("Emulation.setDeviceMetricsOverride", screen);
    }

    /// Sets what the reader's system prefers.
    pub fn prefer(&mut self, feature: &str, value: &str) {
        self.call("Emulation.setEmulatedMedia", json!({"features": [{"name": feature, "value": value}]}));
    }

    /// Errors of the page, and requests that left it.
    pub fn complaints(&mut self) -> Vec<String> {
        let bad = |event: &&Value| {
            let p = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => true,
                "Log.entryAdded" => p["entry"]["level"] == "error",
                "Runtime.consoleAPICalled" => p["type"] == "error",
                "Network.requestWillBeSent" => {
                    let url = p["request"]["url"].as_str().unwrap_or_default();
                    !["file:", "data:", "about:"].iter().any(|own| url.starts_with(own))
                }
                _ => false,
            }
        };
        self.events.iter().filter(bad).map(ToString::to_string).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.session = None;
        let _ = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.to.flush();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) && self.child.try_wait().is_ok_and(|s| s.is_none()) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
