// What can be changed in the page, and the commands that print the same.

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

// Commands.

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
