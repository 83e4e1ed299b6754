// The beam search that tokpick ran.

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
