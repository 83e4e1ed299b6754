// A pane: a setting, and what it does to a step.

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
    const kept = c.count(), near = c.near().length > 0 ? "≈ " : "";
    const line = (called, before, after, key) => make("tr", {"data-fact": key}, make("th", {scope: "row"}, called), make("td", {}, before), make("td", {"data-value": after[0]}, after[1]));
    this.facts.replaceChildren(
      make("thead", {}, make("tr", {}, make("td"), make("th", {scope: "col"}, "before"), make("th", {scope: "col"}, "after"))),
      make("tbody", {},
        line("entropy, nats", this.raw.entropy.toFixed(3), [this.report.entropy, near + this.report.entropy.toFixed(3)], "entropy"),
        line("as many equally probable tokens", Math.exp(this.raw.entropy).toFixed(1), [Math.exp(this.report.entropy), near + Math.exp(this.report.entropy).toFixed(1)], "effective"),
        line("kept tokens", String(this.raw.p.size + (this.row.tail ? this.row.tail.n : 0)), [kept, near + kept], "kept"),
        line("kept mass", "1.000", [mass, near + (mass >= 0.9995 && mass < 1 ? mass.toFixed(6) : mass.toFixed(3))], "mass")));
    const notes = [], stages = [...new Set(c.near())], n = this.row.ids.length;
    if (stages.includes("repetition_penalty")) notes.push("A token of the text is in this step's tail, where the page can't penalise it: its numbers are near, not exact. The command below is exact.");
    const cuts = stages.filter(s => CUTS.includes(s));
    if (cuts.length > 0) notes.push(`${cuts.map(title).join(", ")} cut${cuts.length > 1 ? "" : "s"} into the tail, or so that its mass decides. The page knows the ${n} most probable tokens of this step one by one and the ${this.row.tail.n} others only by their mass: from that stage on its numbers are near, not exact. The command below is exact.`);
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
      ? "falls into the tail, beside it, or among numbers that are only near: the page can't tell the token, the command below can"
      : `falls into the interval of ${name(this.picked)} (id ${this.picked}, probability ${share(p.get(find(ids, this.picked)) ?? 0)})`;
    const unknown = this.counts.get(null) ?? 0;
    this.draw.replaceChildren(
      make("h3", {}, "The draw"), ruler,
      make("p", {class: "hint", "data-picked": this.picked ?? ""}, `u = ${this.uniform.toFixed(6)} ${where}.`),
      ...(unknown > 0 ? [make("p", {class: "note"}, `${unknown} of ${state.draws} draws fell into the tail, beside it, or among numbers that are only near: the page can't tell their tokens, the command below can.`)] : []));
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
