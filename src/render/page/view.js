// What the page shows, and what can be changed in it.

const data = JSON.parse(document.getElementById("data").textContent);
const rows = data.rows.map(readRow);

// An element; attributes that are functions are listeners, children may be strings.
function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "rect", "text", "g", "title"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter(c => c != null));
  return element;
}

const byId = id => document.getElementById(id);
const name = id => id === null ? "?" : data.names[id] ?? String(id);
const say = text => { byId("said").textContent = text; };
const title = stage => STAGES[stage].title;

// A probability for the eye: three or four digits.
function share(p) {
  if (p === 0) return "0";
  if (p < 5e-4) return p.toExponential(0);
  return p.toFixed(p < 0.01 ? 4 : 3).replace(/^0/, "");
}

// A number as it is typed.
const plain = x => String(x);

// ---- state

const settingOf = stages => stages.map(([name, value, on]) => ({name, value, on}));
const first = () => settingOf(data.setting);
const state = {tab: "rows", at: 0, seed: BigInt(data.seed), draws: 0, top: 12, two: false, panes: [first(), first()], beam: 0};

function settingText(setting) {
  return setting.map(s => `${s.on ? "" : "-"}${s.name}:${plain(s.value)}`).join(",");
}

// A setting from text; null where it is none.
function readSetting(text) {
  const setting = [];
  for (const part of text.split(",")) {
    const [, off, stage, number] = /^(-?)([a-z_]+):(.+)$/.exec(part) ?? [];
    const value = Number(number);
    if (!Object.hasOwn(STAGES, stage ?? "") || !fits(stage, value) || setting.some(s => s.name === stage)) return null;
    setting.push({name: stage, value, on: !off});
  }
  return setting.length === ORDER.length ? setting : null;
}

// Whether a stage takes a number.
function fits(stage, value) {
  const {least, most} = STAGES[stage];
  return value >= least && value <= most && (stage !== "top_k" || Number.isInteger(value));
}

const readSeed = text => /^\d{1,20}$/.test(text) && BigInt(text) < 2n ** 64n ? BigInt(text) : null;

// The state stands in the fragment, so that a link shows it.
function save() {
  const parts = [`step=${rows[state.at].step}`, `seed=${state.seed}`, `top=${state.top}`];
  if (state.draws > 0) parts.push(`draws=${state.draws}`);
  parts.push(`a=${settingText(state.panes[0])}`);
  if (state.two) parts.push(`b=${settingText(state.panes[1])}`);
  if (state.tab === "beam") parts.push(`tab=beam`, `beam=${state.beam}`);
  const fragment = "#" + parts.join("&");
  if (fragment !== location.hash) history.replaceState(null, "", fragment);
}

function load() {
  const said = new URLSearchParams(location.hash.slice(1));
  const whole = (key, from, to) => {
    const n = Number(said.get(key) ?? NaN);
    return Number.isInteger(n) && n >= from && n <= to ? n : null;
  };
  const at = rows.findIndex(row => row.step === Number(said.get("step") ?? NaN));
  if (at >= 0) state.at = at;
  state.seed = readSeed(said.get("seed") ?? "") ?? state.seed;
  state.draws = whole("draws", 0, MOST_DRAWS) ?? 0;
  state.top = whole("top", 1, 1000) ?? state.top;
  state.panes[0] = readSetting(said.get("a") ?? "") ?? state.panes[0];
  const second = readSetting(said.get("b") ?? "");
  state.two = second !== null;
  if (second) state.panes[1] = second;
  state.tab = said.get("tab") === "beam" ? "beam" : "rows";
  state.beam = whole("beam", 0, Math.max(0, searched.length - 1)) ?? state.beam;
}

const MOST_DRAWS = 10000;

// ---- commands

const quote = word => /^[\w@%+=:,.\/-]+$/.test(word) ? word : "'" + word.replace(/'/g, "'\\''") + "'";

// The words for the input, without some flags.
function inputWords(...without) {
  const flagged = without.map(flag => "--" + flag);
  return data.input.filter(words => !flagged.includes(words[0].split("=")[0])).flat();
}

// A chain as flags where transformers' order is meant, else as a chain.
function chainWords(setting) {
  const stages = active(setting);
  const places = stages.map(s => ORDER.indexOf(s.name));
  if (places.every((place, i) => i === 0 || places[i - 1] < place)) {
    return stages.flatMap(s => ["--" + s.name.replaceAll("_", "-"), plain(s.value)]);
  }
  return ["--chain", stages.map(s => `${s.name}=${plain(s.value)}`).join(",")];
}

const command = words => "tokpick " + words.map(quote).join(" ");

// The commands that print what a pane shows.
function commands(pane) {
  const {setting, row, history, text} = pane, chain = chainWords(setting), seed = ["--seed", String(state.seed)];
  const penal = active(setting).some(s => s.name === "repetition_penalty");
  const found = [];
  if (data.path) {
    const ids = data.path.slice(0, state.at + 1).join(",");
    found.push(["this step", command(["probs", ...inputWords(), "--ids", ids, ...chain, "--top", String(state.top)])]);
    return found;
  }
  found.push(["this step", command(["explain", ...inputWords(), "--step", String(row.step), ...chain, ...seed, "--top", String(state.top)])]);
  if (state.draws > 0) {
    const generated = history.slice(data.prompt.length);
    const prefix = penal && generated.length > 0 ? ["--prefix-ids", generated.join(",")] : [];
    const words = inputWords("rows", "max-new-tokens", ...(prefix.length > 0 ? ["prefix-ids", "prefix-ids-file"] : []));
    const rowsWord = ["--rows", `${row.step}..${row.step + 1}`];
    found.push(["these draws", command(["sample", ...words, ...rowsWord, ...prefix, "-n", String(state.draws), ...seed, ...chain])]);
  }
  found.push(["this text", command(["sample", ...inputWords(), ...seed, ...chain])]);
  return found;
}

async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(from);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  say("Copied: " + text);
}

function commandLine(what, text) {
  // words stay whole where they fit
  const pre = make("pre", {}, ...text.split(/(?<= )/).map(word => make("span", {}, word)));
  return make("div", {class: "command"}, pre,
    make("button", {type: "button", "aria-label": `Copy command: ${what}`, click: () => copy(text, pre)}, "Copy command"));
}

// ---- a pane: a setting and what it does

class Pane {
  constructor(number) {
    this.number = number;
    this.letter = "AB"[number];
    this.lines = new Map();
    const label = `pane-${this.letter}`;
    this.heading = make("h2", {id: label}, "");
    this.text = make("div", {class: "text", role: "group"});
    this.stages = make("ol", {class: "stages", "aria-label": `Stages of setting ${this.letter}, in their order`});
    this.head = make("thead");
    this.body = make("tbody");
    this.caption = make("caption");
    this.bars = make("table", {class: "bars"}, this.caption, this.head, this.body);
    this.facts = make("table", {class: "facts"});
    this.notes = make("div");
    this.draw = make("div");
    this.commands = make("div");
    const left = make("div", {}, make("div", {class: "scroll"}, this.bars), this.notes, this.facts);
    const hint = make("p", {class: "hint"}, "Stages run from top to bottom. Drag ⠿, or press Alt+↑ and Alt+↓ in a stage, to move it.");
    const right = make("div", {}, make("h3", {}, "Stages"), this.stages, hint);
    const again = make("button", {type: "button", click: () => {
      state.panes[this.number] = first();
      this.controls();
      show();
    }}, "Back to the first setting");
    right.append(make("div", {class: "buttons"}, again));
    left.append(this.draw);
    this.element = make("section", {class: "pane", "aria-labelledby": label}, this.heading, this.text,
      make("div", {class: "inside"}, left, right), make("h3", {}, "The same on the command line"), this.commands);
    this.controls();
  }

  get setting() {
    return state.panes[this.number];
  }

  // The sliders, in the order of the stages.
  controls() {
    const focused = document.activeElement?.dataset?.key;
    this.stages.replaceChildren(...this.setting.map(stage => this.control(stage)));
    if (focused) this.stages.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  control(stage) {
    const facts = STAGES[stage.name], id = `${stage.name}-${this.letter}`, called = facts.title;
    const most = stage.name === "top_k" ? Math.max(2, Math.min(facts.max, Math.max(...rows.map(r => r.ids.length)))) : facts.max;
    const range = make("input", {type: "range", id, class: "range", min: facts.min, max: most, step: facts.step, "data-key": `${id}-range`});
    const number = make("input", {
      type: "number", class: "number", "aria-label": `${called}, number`, min: facts.least, max: facts.most,
      step: stage.name === "top_k" ? 1 : "any", "data-key": `${id}-number`,
    });
    const toggle = make("input", {type: "checkbox", role: "switch", class: "switch", "aria-label": `${called} on`, "data-key": `${id}-switch`});
    const grip = make("button", {type: "button", class: "grip", "aria-label": `Move ${called}`, "data-key": `${id}-grip`}, "⠿");
    const item = make("li", {"data-stage": stage.name}, grip, make("label", {class: "name", for: id}, called), number, toggle, range);
    const put = (from) => {
      if (from !== range) range.value = stage.value;
      if (from !== number) number.value = plain(stage.value);
      number.setAttribute("aria-invalid", "false");
      toggle.checked = stage.on;
      item.classList.toggle("off", !stage.on);
    };
    const set = (value, from) => {
      stage.value = value;
      stage.on = value !== facts.off || stage.on;
      put(from);
      show();
    };
    range.addEventListener("input", () => set(Number(range.value), range));
    number.addEventListener("input", () => {
      const value = number.value === "" ? NaN : Number(number.value);
      const good = fits(stage.name, value);
      number.setAttribute("aria-invalid", String(!good));
      if (good) set(value, number);
      else say(`${called} takes ${stage.name === "top_k" ? "whole numbers" : "numbers"} from ${facts.least} to ${facts.most}`);
    });
    number.addEventListener("change", () => put());
    toggle.addEventListener("change", () => {
      stage.on = toggle.checked;
      if (stage.on && stage.value === facts.off) stage.value = facts.start;
      put();
      show();
    });
    item.addEventListener("keydown", event => {
      const by = {ArrowUp: -1, ArrowDown: 1}[event.key];
      if (by && (event.altKey || event.target === grip)) {
        event.preventDefault();
        this.move(stage.name, by);
      }
    });
    grip.addEventListener("pointerdown", event => {
      event.preventDefault();
      grip.focus();
      item.classList.add("dragged");
      // a pointer is held, so that it may leave the grip
      const move = over => {
        const items = [...this.stages.children], from = items.indexOf(item);
        const to = items.findIndex(other => other !== item && over.clientY >= other.getBoundingClientRect().top && over.clientY <= other.getBoundingClientRect().bottom);
        if (to < 0) return;
        if (from < to) items[to].after(item); else items[to].before(item);
        this.reorder([...this.stages.children].map(i => i.dataset.stage));
      };
      const end = () => {
        removeEventListener("pointermove", move);
        removeEventListener("pointerup", end);
        removeEventListener("pointercancel", end);
        item.classList.remove("dragged");
        this.told(stage.name);
      };
      addEventListener("pointermove", move);
      addEventListener("pointerup", end);
      addEventListener("pointercancel", end);
    });
    put();
    return item;
  }

  reorder(names) {
    state.panes[this.number] = names.map(stage => this.setting.find(s => s.name === stage));
    show();
  }

  move(stage, by) {
    const names = this.setting.map(s => s.name), from = names.indexOf(stage), to = from + by;
    if (to < 0 || to >= names.length) return;
    [names[from], names[to]] = [names[to], names[from]];
    this.reorder(names);
    this.controls();
    this.told(stage);
  }

  told(stage) {
    say(`${title(stage)} is stage ${this.setting.findIndex(s => s.name === stage) + 1} of ${ORDER.length}`);
  }

  // Decodes, and shows what came out.
  show() {
    const setting = this.setting;
    this.row = rows[state.at];
    this.ids = data.path ?? drawText(rows, setting, state.seed, data);
    this.history = [...data.prompt, ...data.prefix, ...this.ids.slice(0, state.at).filter(id => id !== null)];
    this.raw = new Candidates(this.row).report();
    this.whole = decode(this.row, setting.filter(s => !CUTS.includes(s.name)), this.history);
    const after = decode(this.row, setting, this.history);
    this.after = after;
    this.report = after.c.report();
    this.uniform = uniform(state.seed, data.sequence, 0, this.row.step);
    this.picked = after.c.pick(this.uniform);
    this.counts = new Map();
    for (let n = 0; n < state.draws; n++) {
      const id = after.c.pick(uniform(state.seed, data.sequence, n, this.row.step));
      this.counts.set(id, (this.counts.get(id) ?? 0) + 1);
    }
    const on = active(setting).map(s => `${title(s.name)} ${plain(s.value)}`);
    this.heading.textContent = (state.two ? `${this.letter}: ` : "") + (on.join(", ") || "no stage: the distribution as it is");
    this.showText();
    this.showBars();
    this.showFacts();
    this.showDraw();
    const lines = commands({setting, row: this.row, history: this.history, text: this.ids});
    this.commands.replaceChildren(...lines.map(([what, text]) => commandLine(`${what}, setting ${this.letter}`, text)));
  }

  showText() {
    const how = data.path ? "The greedy text, whose rows these are" : `The text that seed ${state.seed} draws`;
    this.text.setAttribute("aria-label", `${how}; a token's button shows its step`);
    const focused = this.text.contains(document.activeElement) ? [...this.text.children].indexOf(document.activeElement) : -1;
    this.text.replaceChildren(...rows.map((row, at) => {
      const there = at < this.ids.length, shown = there ? name(this.ids[at]) : "–";
      const label = `Step ${row.step}: ${there ? this.ids[at] === null ? "not known to this page" : shown : "after the end"}`;
      return make("button", {type: "button", "aria-label": label, title: label, "aria-current": at === state.at && "step", click: () => go(at)}, shown);
    }));
    if (focused >= 0) this.text.children[focused]?.focus();
    const current = this.text.children[state.at];
    const {top, bottom} = this.text.getBoundingClientRect(), box = current.getBoundingClientRect();
    if (box.top < top || box.bottom > bottom) this.text.scrollTop += box.top - top;
  }

  // The tokens that are shown, by position: the most probable ones before the cuts, the most probable ones that stay, the one drawn.
  shown() {
    const before = this.whole.c.report().p, after = this.report.p, ids = this.row.ids;
    const best = p => [...p.keys()].sort((a, b) => p.get(b) - p.get(a) || a - b);
    const shown = new Set([...best(before).slice(0, state.top), ...best(after).slice(0, Math.ceil(state.top / 2))]);
    const picked = this.picked === null ? -1 : find(ids, this.picked);
    if (picked >= 0) shown.add(picked);
    for (const id of this.counts.keys()) if (shown.size < 2 * state.top && id !== null) shown.add(find(ids, id));
    return [...shown].sort((a, b) => (before.get(b) ?? 0) - (before.get(a) ?? 0) || a - b);
  }

  showBars() {
    const {row, report, raw, counts} = this, drawn = state.draws > 0, positions = this.shown();
    const top = Math.max(...positions.map(i => Math.max(raw.p.get(i) ?? 0, report.p.get(i) ?? 0, drawn ? (counts.get(row.ids[i]) ?? 0) / state.draws : 0)), 1e-9);
    this.bars.classList.toggle("drawn", drawn);
    this.caption.textContent = `Step ${row.step}: the distribution before and after the stages` + (drawn ? `, and where ${state.draws} draws came to (upright marks)` : "");
    const heads = ["token", "id", "before", "after", ...(drawn ? ["drawn"] : [])];
    this.head.replaceChildren(make("tr", {}, ...heads.map(text => make("th", {scope: "col", class: {id: "id", drawn: "number"}[text]}, text))));
    const lines = [];
    let last = null, sum = {before: 0, after: 0, drawn: 0};
    for (const i of positions) {
      const id = row.ids[i], stays = report.p.has(i), p = report.p.get(i) ?? 0, count = counts.get(id) ?? 0;
      sum.before += raw.p.get(i) ?? 0;
      sum.after += p;
      sum.drawn += count;
      const line = this.line(id);
      const kinds = [!stays && "gone", id === this.picked && "chosen", last !== null && last !== stays && "cut"];
      line.className = kinds.filter(kind => kind).join(" ");
      line.dataset.before = raw.p.get(i) ?? 0;
      line.dataset.after = stays ? p : "";
      line.dataset.drawn = count;
      const [token, , before, after, times] = line.children;
      token.textContent = name(id) + (id === this.picked ? " ←" : "");
      fill(before, raw.p.get(i) ?? 0, top, share(raw.p.get(i) ?? 0));
      fill(after, p, top, stays ? share(p) : `× ${title(this.after.removed.get(i))}`, count > 0 ? count / state.draws : null);
      after.title = stays ? plain(p) : "";
      times.hidden = !drawn;
      times.textContent = stays || count > 0 ? String(count) : "";
      lines.push(line);
      last = stays;
    }
    const others = this.raw.p.size + (row.tail ? row.tail.n : 0) - positions.length;
    if (others > 0) {
      const line = this.line("rest");
      line.className = "rest";
      const [token, id, before, after, times] = line.children;
      const left = this.after.c.count() - positions.filter(i => report.p.has(i)).length;
      token.textContent = `… ${others} others`;
      id.textContent = "";
      fill(before, Math.max(0, 1 - sum.before), null, share(Math.max(0, 1 - sum.before)));
      fill(after, left > 0 ? Math.max(0, 1 - sum.after) : 0, null, left > 0 ? share(Math.max(0, 1 - sum.after)) : "×");
      after.title = "";
      times.hidden = !drawn;
      times.textContent = left > 0 ? String(state.draws - sum.drawn) : "";
      lines.push(line);
    }
    const same = lines.length === this.body.children.length && lines.every((line, i) => this.body.children[i] === line);
    if (!same) this.body.replaceChildren(...lines);
  }

  // The line of a token: the same element as long as the page lives, so that its bars move.
  line(id) {
    if (!this.lines.has(id)) {
      const cell = kind => make("td", {class: `p ${kind}`}, make("div", {class: "cell"},
        make("div", {class: "track", "aria-hidden": "true"}, make("div", {class: "bar"}), make("div", {class: "tick", hidden: true})), make("span", {class: "n"})));
      this.lines.set(id, make("tr", {"data-id": id}, make("th", {scope: "row"}), make("td", {class: "id"}, String(id)), cell("before"), cell("after"), make("td", {class: "number"})));
    }
    return this.lines.get(id);
  }

  showFacts() {
    const {c} = this.after, whole = this.whole.c.report();
    let mass = this.report.p.size > 0 ? [...this.report.p.keys()].reduce((sum, i) => sum + (whole.p.get(i) ?? 0), 0) : 0;
    if (c.tail) mass += c.tail === this.whole.c.tail ? whole.tail : tailSums(c.tail.bins, this.whole.c.scale, this.whole.c.best)[0] / this.whole.c.mass();
    const kept = c.count(), near = c.cutsIntoTail.length > 0 ? "≈ " : "";
    const line = (called, before, after, key) => make("tr", {"data-fact": key}, make("th", {scope: "row"}, called), make("td", {}, before), make("td", {"data-value": after[0]}, after[1]));
    this.facts.replaceChildren(
      make("thead", {}, make("tr", {}, make("td"), make("th", {scope: "col"}, "before"), make("th", {scope: "col"}, "after"))),
      make("tbody", {},
        line("entropy, nats", this.raw.entropy.toFixed(3), [this.report.entropy, near + this.report.entropy.toFixed(3)], "entropy"),
        line("as many equally probable tokens", Math.exp(this.raw.entropy).toFixed(1), [Math.exp(this.report.entropy), near + Math.exp(this.report.entropy).toFixed(1)], "effective"),
        line("kept tokens", String(this.raw.p.size + (this.row.tail ? this.row.tail.n : 0)), [kept, near + kept], "kept"),
        line("kept mass", "1.000", [mass, near + (mass >= 0.9995 && mass < 1 ? mass.toFixed(6) : mass.toFixed(3))], "mass")));
    const notes = [], stages = [...new Set(c.cutsIntoTail)], n = this.row.ids.length;
    if (stages.includes("repetition_penalty")) notes.push("A token of the text is in this step's tail, so the page can't penalise it there.");
    const cuts = stages.filter(s => CUTS.includes(s));
    if (cuts.length > 0) notes.push(`${cuts.map(title).join(", ")} cut${cuts.length > 1 ? "" : "s"} into the tail. The page knows the ${n} most probable tokens of this step one by one and the ${this.row.tail.n} others only by their mass: from that stage on its numbers are near, not exact. The command below is exact.`);
    else if (c.tail) notes.push(`The page knows ${n} tokens of this step one by one and the ${this.row.tail.n} others by their mass.`);
    this.notes.replaceChildren(...notes.map(text => make("p", {class: "note"}, text)));
  }

  showDraw() {
    const {c} = this.after, ids = this.row.ids, p = this.report.p, parts = [];
    // the kept intervals in id order; narrow neighbours together
    let narrow = 0;
    const flush = () => {
      if (narrow > 0) parts.push(make("span"));
      if (narrow > 0) parts.at(-1).style.width = `${100 * narrow}%`;
      narrow = 0;
    };
    if (!c.tail) {
      for (const i of c.at) {
        if (p.get(i) < 0.02 && ids[i] !== this.picked) {
          narrow += p.get(i);
          continue;
        }
        flush();
        const part = make("span", {class: ids[i] === this.picked ? "hit" : null, title: `${name(ids[i])} ${share(p.get(i))}`}, p.get(i) > 0.05 ? name(ids[i]) : "");
        part.style.width = `${100 * p.get(i)}%`;
        parts.push(part);
      }
      flush();
    }
    const dot = make("i");
    dot.style.left = `${100 * this.uniform}%`;
    const ruler = make("div", {class: "ruler", "aria-hidden": "true"}, ...parts, dot);
    const where = this.picked === null
      ? "falls into the tail or beside it: the page can't tell the token, the command below can"
      : `falls into the interval of ${name(this.picked)} (id ${this.picked}, probability ${share(p.get(find(ids, this.picked)) ?? 0)})`;
    const unknown = this.counts.get(null) ?? 0;
    this.draw.replaceChildren(
      make("h3", {}, "The draw"), ruler,
      make("p", {class: "hint", "data-picked": this.picked ?? ""}, `u = ${this.uniform.toFixed(6)} ${where}.`),
      ...(unknown > 0 ? [make("p", {class: "note"}, `${unknown} of ${state.draws} draws fell into the tail or beside it: the page can't tell their tokens.`)] : []));
  }
}

// A bar and its number; a mark where the draws came to.
function fill(cell, p, top, text, frequency = null) {
  const bar = cell.querySelector(".bar"), tick = cell.querySelector(".tick");
  bar.style.width = top === null ? "0" : `${100 * p / top}%`;
  tick.hidden = frequency === null;
  if (frequency !== null && top !== null) tick.style.left = `${100 * frequency / top}%`;
  if (top === null) tick.hidden = true;
  cell.querySelector(".n").textContent = text;
}

// ---- the panel of distributions

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

// ---- the beam search

// The steps, each with the groups that took it, and the nodes of what was considered.
const searched = [];
{
  const live = new Map();
  for (const step of data.beams.steps) {
    if (searched.at(-1)?.step !== step.step) searched.push({step: step.step, nodes: [], hidden: 0});
    const here = searched.at(-1), before = live.get(step.group) ?? [], next = [];
    for (const [parent, id, score, sum, fate, final, rank] of step.considered) {
      const node = {parent: before[parent] ?? null, id, score, sum, fate, final, group: step.group, rank: here.nodes.length, depth: searched.length - 1};
      here.nodes.push(node);
      if (rank !== null) next[rank] = node;
    }
    here.hidden += step.hidden;
    live.set(step.group, next);
  }
}

const FATES = {
  live: "lives on", pruned: "× pruned: others are better", lost: "× ended, but not among the best", margin: "× too far below the best",
  unmet: "× ended without every forced phrase",
};
const kindOf = node => node.fate === "live" ? "live" : node.fate === "finished" ? "ended" : "gone";
const markOf = node => ({live: "●", ended: "✓", gone: "×"})[kindOf(node)];

// The tokens up to a node, first to last.
function textTo(node) {
  const ids = [];
  for (let n = node; n; n = n.parent) ids.unshift(n.id);
  return ids;
}

const cut = (text, most) => [...text].length > most ? [...text].slice(0, most - 1).join("") + "…" : text;

const beamTitle = make("h2");
const beamBack = make("button", {type: "button", click: () => goBeam(state.beam - 1)}, "← Step before");
const beamOn = make("button", {type: "button", click: () => goBeam(state.beam + 1)}, "Next step →");
const beamRange = make("input", {type: "range", min: 0, max: Math.max(0, searched.length - 1), step: 1, "aria-label": "Step of the search"});
const tree = make("div", {class: "scroll", tabindex: 0, role: "group", "aria-label": "The tree up to this step"});
const considered = make("div", {class: "scroll", tabindex: 0, role: "group", "aria-label": "What was considered at this step"});
const results = make("ol", {class: "results"});
beamRange.addEventListener("input", () => goBeam(Number(beamRange.value)));

byId("panel-beam").append(
  make("div", {class: "tools"}, beamBack, beamOn, make("label", {class: "wide"}, beamRange)), beamTitle,
  make("p", {class: "hint"}, "● lives on, ✓ ended, × dropped. The number is the sum of log-probabilities, in nats. The keys ← and → step, too."),
  tree, considered, make("h3", {}, "Results, best first"), results,
  make("h3", {}, "The same on the command line"), commandLine("the beam search", data.search));

results.append(...data.beams.found.map(found => make("li", {},
  make("span", {class: "mono"}, found.ids.map(name).join(" ")),
  ` — score ${found.score.toFixed(4)}, sum ${found.sum.toFixed(4)} nats, ${found.ids.length} tokens${found.ended ? "" : ", not ended"}`)));

byId("panel-beam").addEventListener("keydown", event => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[event.key];
  if (by && !event.altKey && !event.ctrlKey && !event.metaKey && event.target !== beamRange) {
    event.preventDefault();
    goBeam(state.beam + by);
  }
});

function goBeam(at) {
  if (at < 0 || at >= searched.length) return;
  state.beam = at;
  showBeam();
  save();
  say(`Step ${searched[at].step} of the search`);
}

function showBeam() {
  if (searched.length === 0) return;
  const here = searched[state.beam];
  beamTitle.textContent = `Step ${here.step}`;
  beamRange.value = state.beam;
  beamRange.setAttribute("aria-valuetext", `step ${here.step}`);
  beamBack.disabled = state.beam === 0;
  beamOn.disabled = state.beam === searched.length - 1;
  tree.replaceChildren(drawTree());
  tree.scrollLeft = tree.scrollWidth;
  const head = ["", "so far", "token", "log p", "sum", "what became of it"];
  const lines = here.nodes.map(node => make("tr", {class: kindOf(node) === "gone" ? "gone" : kindOf(node) === "ended" ? "chosen" : null},
    make("td", {"aria-hidden": "true"}, markOf(node)),
    make("td", {class: "token"}, cut(textTo(node.parent).map(name).join(" ") || "–", 24)),
    make("th", {scope: "row"}, name(node.id)),
    make("td", {class: "number"}, node.score === null ? "–" : node.score.toFixed(4)),
    make("td", {class: "number"}, node.sum === null ? "–" : node.sum.toFixed(4)),
    make("td", {class: "fate"}, node.fate === "finished" ? `ended with score ${node.final === null ? "–" : node.final.toFixed(4)}` : FATES[node.fate])));
  const hidden = here.hidden > 0 ? ` (${here.hidden} more were pruned)` : "";
  considered.replaceChildren(make("table", {}, make("caption", {}, `Considered at step ${here.step}, best first${hidden}`),
    make("thead", {}, make("tr", {}, ...head.map((text, i) => i === 0 ? make("td") : make("th", {scope: "col", class: i === 3 || i === 4 ? "number" : null}, text)))),
    make("tbody", {}, ...lines)));
}

// The last steps as columns, each continuation beside what it continues.
function drawTree() {
  const COLUMNS = 6, WIDE = 132, GAP = 44, HIGH = 38, TOP = 24;
  const from = Math.max(0, state.beam - COLUMNS + 1), steps = searched.slice(from, state.beam + 1);
  const most = Math.max(...steps.map(s => s.nodes.length));
  const width = 60 + steps.length * (WIDE + GAP), height = TOP + most * HIGH + 6;
  const x = node => 56 + (node.depth - from) * (WIDE + GAP), y = node => TOP + node.rank * HIGH;
  const svg = make("svg", {width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Beams of steps ${steps[0].step} to ${steps.at(-1).step}; the table below has the numbers of step ${steps.at(-1).step}`});
  const edges = make("g"), boxes = make("g");
  for (const {step, nodes} of steps) {
    boxes.append(make("text", {class: "soft", x: x(nodes[0] ?? {depth: from}), y: 14}, `step ${step}`));
    for (const node of nodes) {
      const parent = node.parent && node.parent.depth >= from ? node.parent : null;
      const x1 = parent ? x(parent) + WIDE : x(node) - GAP, y1 = parent ? y(parent) + 15 : node.parent ? y(node) + 15 : TOP + 15;
      const x2 = x(node), y2 = y(node) + 15, middle = (x1 + x2) / 2;
      edges.append(make("path", {class: `edge ${kindOf(node)}`, d: `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`}));
      boxes.append(make("g", {class: kindOf(node)}, make("title", {}, `${textTo(node).map(name).join(" ")}: ${node.sum}`),
        make("rect", {x: x2, y: y(node), width: WIDE, height: 30, rx: 5}),
        make("text", {x: x2 + 7, y: y(node) + 20}, `${markOf(node)} ${cut(name(node.id), 8)}`),
        make("text", {class: "soft", x: x2 + WIDE - 6, y: y(node) + 20, "text-anchor": "end"}, node.sum === null ? "" : node.sum.toFixed(2))));
    }
  }
  svg.append(edges, boxes);
  return svg;
}

// ---- all of it

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
