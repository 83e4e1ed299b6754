// The page around the panes.

const panes = [new Pane(0), new Pane(1)];
const seedBox = make("input", {type: "text", inputmode: "numeric", id: "seed", autocomplete: "off", spellcheck: "false"});
const topBox = make("select", {id: "top"}, ...[5, 8, 12, 20, 40, 100].map(n => make("option", {value: n}, String(n))));
const twoBox = make("input", {type: "checkbox", id: "two"});
const stepSaid = make("span");
const back = make("button", {type: "button", "aria-label": "Step before", click: () => go(state.at - 1)}, "‹");
const on = make("button", {type: "button", "aria-label": "Next step", click: () => go(state.at + 1)}, "›");
const drawSaid = make("span", {id: "drawn", class: "hint"});
const holder = make("div", {class: "panes"}, panes[0].element, panes[1].element);

const draw = n => {
  state.draws = Math.min(MOST_DRAWS, state.draws + n);
  show();
  say(`${state.draws} draws`);
};

byId("panel-rows").append(
  make("div", {class: "tools"},
    make("span", {class: "buttons", role: "group", "aria-label": "Step"}, back, stepSaid, on),
    make("label", {}, "seed", seedBox),
    make("span", {class: "buttons", role: "group", "aria-label": "Draws"},
      make("button", {type: "button", id: "draw-1", click: () => draw(1)}, "Draw one"),
      make("button", {type: "button", id: "draw-100", click: () => draw(100)}, "Draw 100"),
      make("button", {type: "button", id: "draw-0", click: () => { state.draws = 0; show(); say("No draws"); }}, "Clear"), drawSaid),
    make("label", {}, "tokens", topBox),
    make("label", {}, twoBox, "two settings")),
  holder);

seedBox.addEventListener("input", () => {
  const seed = readSeed(seedBox.value.trim());
  seedBox.setAttribute("aria-invalid", String(seed === null));
  if (seed === null) return say("A seed is a whole number from 0 to 2^64 − 1");
  state.seed = seed;
  show();
});
topBox.addEventListener("change", () => { state.top = Number(topBox.value); show(); });
twoBox.addEventListener("change", () => {
  state.two = twoBox.checked;
  if (state.two) {
    state.panes[1] = state.panes[0].map(s => ({...s}));
    panes[1].controls();
  }
  show();
});

function go(at) {
  if (at < 0 || at >= rows.length) return;
  state.at = at;
  show();
  say(`Step ${rows[at].step}`);
}

function chooseTab(tab, focus) {
  state.tab = tab;
  show();
  if (focus) byId(`tab-${tab}`).focus();
}
for (const tab of ["rows", "beam"]) {
  byId(`tab-${tab}`).addEventListener("click", () => chooseTab(tab));
  byId(`tab-${tab}`).addEventListener("keydown", event => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") chooseTab(state.tab === "rows" ? "beam" : "rows", true);
  });
}

function show() {
  for (const tab of ["rows", "beam"]) {
    const chosen = state.tab === tab;
    byId(`tab-${tab}`).setAttribute("aria-selected", String(chosen));
    byId(`tab-${tab}`).tabIndex = chosen ? 0 : -1;
    byId(`panel-${tab}`).hidden = !chosen;
  }
  save();
  if (state.tab === "beam") return showBeam();
  stepSaid.textContent = `step ${rows[state.at].step}` + (rows.length > 1 ? ` of ${rows[0].step}–${rows.at(-1).step}` : "");
  back.disabled = state.at === 0;
  on.disabled = state.at === rows.length - 1;
  if (document.activeElement !== seedBox) seedBox.value = String(state.seed);
  if (![...topBox.options].some(o => Number(o.value) === state.top)) topBox.append(make("option", {value: state.top}, String(state.top)));
  topBox.value = String(state.top);
  twoBox.checked = state.two;
  drawSaid.textContent = state.draws > 0 ? `${state.draws} drawn` : "";
  holder.classList.toggle("two", state.two);
  panes[1].element.hidden = !state.two;
  panes[0].show();
  if (state.two) panes[1].show();
}

addEventListener("hashchange", () => {
  load();
  panes.forEach(pane => pane.controls());
  show();
});
byId("foot").textContent = data.made;
if (searched.length === 0) byId("tab-beam").hidden = true;
load();
panes.forEach(pane => pane.controls());
show();
