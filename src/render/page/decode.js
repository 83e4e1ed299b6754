// What tokpick does to a row, again: the same decisions by the same arithmetic (docs/chacha8-v1.md), reports in float64.

const F = Math.fround;

// The bits of one number.
const f64 = new Float64Array(1), u64 = new Uint32Array(f64.buffer);
const f32 = new Float32Array(1), i32 = new Int32Array(f32.buffer);

// a * b + c in float32, rounded once. The product is exact in float64; a sum that lies between two float32 is moved off the
// middle by what it lost.
function fma32(a, b, c) {
  const p = a * b, s = p + c;
  f64[0] = s;
  if ((u64[0] & 0x1fffffff) !== 0x10000000) return F(s);
  const t = s - p, lost = (p - (s - t)) + (c - t);
  if (lost !== 0) u64[0] += (lost > 0) === (s > 0) ? 1 : -1;
  return F(f64[0]);
}

// The next float32 above x.
function nextUp(x) {
  if (x === 0) return 2 ** -149;
  f32[0] = x;
  i32[0] += x > 0 ? 1 : -1;
  return f32[0];
}

// The lowest float32 that is at least x.
function atLeast(x) {
  const near = F(x);
  return near < x ? nextUp(near) : near;
}

const LARGEST = F(3.4028234663852886e38), LEAST_NORMAL = 2 ** -126;
const ROUND = 12582912;
const COEFFICIENTS = [0.001326899, 0.00967131, 0.055507123, 0.24022247, 0.693147, 1].map(F);
const POWERS = new Float64Array(128);
for (let n = 0, p = 1; n < 128; n++, p /= 2) POWERS[n] = p;

// The weights of values at a scale, below the best one.
function weigher(scale, best) {
  const kept = F(Math.min(Math.max(F(scale), LEAST_NORMAL), LARGEST));
  const s = Math.min(F(kept * F(Math.LOG2E)), LARGEST);
  return x => {
    const d = F(x - best);
    const t = fma32(d, s, ROUND);
    if (!(t >= ROUND - 125)) return 0;
    const n = t - ROUND, f = fma32(d, s, -n);
    let p = COEFFICIENTS[0];
    for (let i = 1; i < 6; i++) p = fma32(p, f, COEFFICIENTS[i]);
    return p * POWERS[-n];
  };
}

// Sums of weights by block of 1,024 ids, in the order of the scheme: [{block, from, to, sum}], positions in `at`.
function blockSums(ids, at, weights) {
  const blocks = [], lanes = new Float64Array(32);
  const fold = () => {
    for (let half = 16; half > 0; half >>= 1) for (let i = 0; i < half; i++) lanes[i] += lanes[i + half];
    return lanes[0];
  };
  let from = 0;
  for (let i = 0; i <= at.length; i++) {
    const block = i < at.length ? ids[at[i]] >>> 10 : -1;
    if (i > from && block !== ids[at[from]] >>> 10) {
      blocks.push({from, to: i, sum: fold()});
      lanes.fill(0);
      from = i;
    }
    if (i < at.length) lanes[ids[at[i]] & 31] += weights[i];
  }
  return blocks;
}

function total(blocks) {
  let sum = 0;
  for (const b of blocks) sum += b.sum;
  return sum;
}

// ChaCha with 8 rounds: the first two words of a stream (two words) under a key (eight words).
function chacha8(key, stream) {
  const start = new Uint32Array([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, 0, 0, ...stream]);
  const x = new Uint32Array(start);
  const turn = (a, b, c, d) => {
    x[a] += x[b]; x[d] ^= x[a]; x[d] = x[d] << 16 | x[d] >>> 16;
    x[c] += x[d]; x[b] ^= x[c]; x[b] = x[b] << 12 | x[b] >>> 20;
    x[a] += x[b]; x[d] ^= x[a]; x[d] = x[d] << 8 | x[d] >>> 24;
    x[c] += x[d]; x[b] ^= x[c]; x[b] = x[b] << 7 | x[b] >>> 25;
  };
  for (let round = 0; round < 4; round++) {
    turn(0, 4, 8, 12); turn(1, 5, 9, 13); turn(2, 6, 10, 14); turn(3, 7, 11, 15);
    turn(0, 5, 10, 15); turn(1, 6, 11, 12); turn(2, 7, 8, 13); turn(3, 4, 9, 14);
  }
  return [(x[0] + start[0]) >>> 0, (x[1] + start[1]) >>> 0];
}

// The uniform of a draw, in [0, 1), by its address: whole numbers below 2^64.
function uniform(seed, sequence, sample, step) {
  const words = n => [Number(BigInt(n) & 0xffffffffn), Number(BigInt(n) >> 32n)];
  const [a, b] = chacha8([...words(seed), 0, 0, ...words(sequence), ...words(sample)], words(step));
  return (b * 2097152 + (a >>> 11)) * 2 ** -53;
}

// A row of the page's data: the tokens it has, ascending ids, and what is known of its tail.
function readRow(data) {
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const packed = bytes(data.tokens), view = new DataView(packed.buffer);
  const ids = new Uint32Array(data.count), x = new Float32Array(data.count);
  let at = 0, id = -1;
  for (let i = 0; i < data.count; i++) {
    let gap = 0, factor = 1;
    for (let more = true; more; factor *= 128) {
      const byte = packed[at++];
      gap += (byte & 127) * factor;
      more = byte > 127;
    }
    id += gap + 1;
    ids[i] = id;
  }
  for (let i = 0; i < data.count; i++) x[i] = view.getFloat32(at + 4 * i, true);
  let tail = null;
  if (data.tail) {
    const numbers = new DataView(bytes(data.tail.bins).buffer), bins = [];
    for (let b = 0; b < numbers.byteLength; b += 32) {
      const read = i => numbers.getFloat32(b + 4 * i, true);
      // its tokens are where they are in the mean
      const mean = Math.max(data.tail.lo, Math.min(data.tail.hi, read(0) + read(2) / read(1)));
      bins.push({center: read(0), mean, n: read(1), m: [read(1), read(2), read(3), read(4), read(5), read(6), read(7)]});
    }
    tail = {n: data.tail.n, lo: data.tail.lo, hi: data.tail.hi, bins};
  }
  return {step: data.step, ids, x, tail};
}

// Position of an id among ascending ids, or -1.
function find(ids, id) {
  let lo = 0, hi = ids.length;
  while (lo < hi) {
    const mid = lo + hi >> 1;
    if (ids[mid] < id) lo = mid + 1; else hi = mid;
  }
  return ids[lo] === id ? lo : -1;
}

// The first of n places at which `holds` is true; it stays true from there on. Looks at a guess first.
function firstOf(n, holds, guess) {
  if (guess < n && holds(guess) && (guess === 0 || !holds(guess - 1))) return guess;
  let lo = 0, hi = n;
  while (lo < hi) {
    const mid = lo + hi >> 1;
    if (holds(mid)) hi = mid; else lo = mid + 1;
  }
  return lo;
}

const FACTORIALS = [1, 1, 2, 6, 24, 120, 720];

// (sum of w, sum of w * (x - best)) of a tail's tokens, w = e^((x - best) * scale), from the moments of narrow bins.
function tailSums(bins, scale, best) {
  let sum = 0, slope = 0;
  for (const {center, m} of bins) {
    const weight = Math.exp((center - best) * scale);
    if (weight === 0) continue;
    let p = 0, q = 0, power = 1;
    for (let j = 0; j < 7; j++, power *= scale) {
      p += power * m[j] / FACTORIALS[j];
      if (j < 6) q += power * m[j + 1] / FACTORIALS[j];
    }
    sum += weight * p;
    slope += weight * ((center - best) * p + q);
  }
  return [sum, slope];
}

// What is still possible, and what a chain does to it.
class Candidates {
  constructor(row) {
    this.row = row;
    this.at = Array.from(row.ids.keys());
    this.base = Float64Array.from(row.x);
    this.value = Float32Array.from(row.x);
    this.scale = 1;
    this.tail = row.tail;
    // stages from which on the page is near, not exact
    this.cutsIntoTail = [];
    // a token of the tail was penalised: nothing above it has changed, but the tail's mass has
    this.vague = false;
    this.findBest();
  }

  findBest() {
    this.best = -Infinity;
    for (const i of this.at) if (this.value[i] > this.best) this.best = this.value[i];
  }

  // The weights of those positions. All are known once one was asked for, until scores change.
  weights(at = this.at) {
    const key = `${this.scale} ${this.best}`;
    if (this.known !== key) {
      this.all = Float32Array.from(this.value, weigher(this.scale, this.best));
      this.known = key;
    }
    return Float32Array.from(at, i => this.all[i]);
  }

  tailMass(bins = this.tail ? this.tail.bins : []) {
    return tailSums(bins, this.scale, this.best)[0];
  }

  // The mass of those positions, and of no tail.
  massOf(at) {
    return total(blockSums(this.row.ids, at, this.weights(at)));
  }

  mass() {
    return this.massOf(this.at) + this.tailMass();
  }

  // Stages from which on the numbers are near, not exact.
  near() {
    return [...this.cutsIntoTail, ...(this.vague && this.tail ? ["repetition_penalty"] : [])];
  }

  // A stage that looks at masses is only as exact as the tail's.
  looksAtMass() {
    if (this.vague && this.tail) this.cutsIntoTail.push("repetition_penalty");
  }

  // A decision is sure if a change of the tail's mass by what it may be off doesn't turn it.
  sureOf(target, n, massAt, stage) {
    const slack = 1e-6 * this.mass();
    if (this.tail && (massAt(n) - target < slack || (n > 0 && target - massAt(n - 1) < slack))) this.cutsIntoTail.push(stage);
  }

  count() {
    return this.at.length + (this.tail ? this.tail.n : 0);
  }

  // Keeps a part of the tail, by bins: near enough to show, and said.
  cutTail(keep, stage) {
    const bins = this.tail.bins.filter(b => keep(b.mean));
    const n = bins.reduce((n, b) => n + b.n, 0);
    this.cutsIntoTail.push(stage);
    this.tail = n === 0 ? null : {...this.tail, n, bins};
  }

  // Keeps what is at or above a value; the best stays.
  keepFrom(value, stage) {
    const cut = Math.min(value, this.best);
    this.at = this.at.filter(i => this.value[i] >= cut);
    if (this.tail && cut > this.tail.hi) this.tail = null;
    else if (this.tail && cut > this.tail.lo) this.cutTail(mean => mean >= cut, stage);
  }

  repetition_penalty(r, history) {
    const inverse = 1 / r;
    for (const id of new Set(history)) {
      const i = find(this.row.ids, id);
      if (i < 0) {
        if (this.tail && r > 1) this.vague = true;
        else if (this.tail) this.cutsIntoTail.push("repetition_penalty");
        continue;
      }
      const score = this.base[i] * this.scale;
      this.base[i] = score * (score < 0 ? r : inverse) / this.scale;
      this.value[i] = F(this.base[i]);
    }
    this.known = "";
    this.findBest();
  }

  temperature(t) {
    if (t > 0) {
      this.scale *= 1 / t;
      return;
    }
    this.at = this.at.filter(i => this.value[i] === this.best).slice(0, 1);
    this.tail = null;
  }

  top_k(k) {
    const values = this.at.map(i => this.value[i]).sort((a, b) => b - a);
    const known = this.tail ? values.filter(x => x > this.tail.hi).length : values.length;
    if (k <= known) return this.keepFrom(values[k - 1], "top_k");
    if (!this.tail || k >= this.count()) return;
    let left = k - known;
    for (const b of [...this.tail.bins].sort((a, b) => b.mean - a.mean)) {
      left -= b.n;
      if (left <= 0) return this.keepFrom(b.mean, "top_k");
    }
  }

  top_p(p) {
    this.looksAtMass();
    const target = (p - 1e-6 * p * (1 - p)) * this.mass(), weights = this.weights();
    const order = [...this.at.keys()].sort((a, b) => this.value[this.at[b]] - this.value[this.at[a]]);
    // the known values, falling, and the first of them with enough mass at or above it
    const known = [];
    let guess = -1, sum = 0;
    for (const n of order) {
      const x = this.value[this.at[n]];
      if (this.tail && x <= this.tail.hi) break;
      if (known.at(-1) !== x) known.push(x);
      sum += weights[n];
      if (guess < 0 && sum >= target) guess = known.length - 1;
    }
    const massAt = n => this.massOf(this.at.filter(i => this.value[i] >= known[n]));
    const lo = firstOf(known.length, n => massAt(n) >= target, guess < 0 ? known.length : guess);
    if (lo < known.length) {
      this.sureOf(target, lo, massAt, "top_p");
      return this.keepFrom(known[lo], "top_p");
    }
    if (!this.tail) return;
    for (const b of [...this.tail.bins].sort((a, b) => b.mean - a.mean)) {
      const inside = this.at.filter(i => this.value[i] >= b.mean);
      const mass = this.massOf(inside) + this.tailMass(this.tail.bins.filter(c => c.mean >= b.mean));
      if (mass >= target) return this.keepFrom(b.mean, "top_p");
    }
  }

  min_p(m) {
    this.keepFrom(atLeast(this.best + Math.log(m * (1 - 1e-6)) / this.scale), "min_p");
  }

  typical_p(p) {
    this.looksAtMass();
    const weights = this.weights(), bins = this.tail ? this.tail.bins : [];
    let [mass, moment] = tailSums(bins, this.scale, this.best);
    this.at.forEach((i, n) => {
      mass += weights[n];
      moment += weights[n] * (this.value[i] - this.best);
    });
    const center = this.best + moment / mass, far = x => F(Math.abs(x - center));
    const target = (p - 1e-6 * p * (1 - p)) * mass;
    const items = [...this.at.map((i, n) => [far(this.value[i]), weights[n]]), ...bins.map(b => [far(b.mean), this.tailMass([b])])];
    items.sort((a, b) => a[0] - b[0]);
    const distances = [];
    let guess = -1, sum = 0;
    for (const [distance, weight] of items) {
      if (distances.at(-1) !== distance) distances.push(distance);
      sum += weight;
      if (guess < 0 && sum >= target) guess = distances.length - 1;
    }
    const massAt = n => this.massOf(this.at.filter(i => far(this.value[i]) <= distances[n]))
      + this.tailMass(bins.filter(b => far(b.mean) <= distances[n]));
    const last = distances.length - 1, lo = Math.min(last, firstOf(last, n => massAt(n) >= target, guess < 0 ? last : guess));
    this.sureOf(target, lo, massAt, "typical_p");
    const reach = nextUp(distances[lo]) + 1e-6 / this.scale;
    const low = center - reach, high = center + reach;
    // the center is only as exact as the tail's mass
    const onEdge = i => Math.abs(Math.abs(this.value[i] - center) - reach) < 7e-7 / this.scale;
    if (this.tail && this.at.some(onEdge)) this.cutsIntoTail.push("typical_p");
    const kept = this.at.filter(i => this.value[i] >= low && this.value[i] <= high);
    if (this.tail && low > this.tail.hi) this.tail = null;
    else if (this.tail && (low > this.tail.lo || high < this.tail.hi)) this.cutTail(x => x >= low && x <= high, "typical_p");
    // the nearest token may lie in the tail alone
    this.at = kept.length > 0 || this.tail ? kept : this.at;
    if (this.at.length > 0) this.findBest();
  }

  // Probabilities by position, that of the tail, the entropy in nats: in float64.
  report() {
    let best = -Infinity, sum = 0, slope = 0;
    for (const i of this.at) best = Math.max(best, this.base[i]);
    if (this.at.length === 0) best = this.best;
    const p = new Map();
    for (const i of this.at) {
      const a = (this.base[i] - best) * this.scale, w = Math.exp(a);
      p.set(i, w);
      sum += w;
      slope += w * a;
    }
    const [tail, tailSlope] = this.tail ? tailSums(this.tail.bins, this.scale, best) : [0, 0];
    sum += tail;
    slope += tailSlope * this.scale;
    for (const [i, w] of p) p.set(i, w / sum);
    return {p, tail: tail / sum, entropy: Math.max(0, Math.log(sum) - slope / sum)};
  }

  // The token of a uniform; null where the tail leaves it open.
  pick(u) {
    if (this.near().length > 0) return null;
    const weights = this.weights(), blocks = blockSums(this.row.ids, this.at, weights);
    const tail = this.tailMass(), target = u * (total(blocks) + tail);
    if (tail > 0) {
      let before = 0;
      for (let n = 0; n < this.at.length; before += weights[n], n++) {
        // all of the tail may stand before this token, or none of it
        const slack = 1e-6 * target;
        if (before + tail + slack <= target && before + weights[n] > target + slack) return this.row.ids[this.at[n]];
      }
      return null;
    }
    let before = 0;
    for (const {from, to, sum} of blocks) {
      if (before + sum > target && sum > 0) {
        let running = before;
        for (let n = from; n < to; n++) {
          running += weights[n];
          if (weights[n] > 0 && running > target) return this.row.ids[this.at[n]];
        }
      }
      before += sum;
    }
    for (let n = this.at.length - 1; n >= 0; n--) if (weights[n] > 0) return this.row.ids[this.at[n]];
    return null;
  }
}

// The stages, in transformers' order: name, value that turns it off, range and step of the slider, largest number to type.
const STAGES = {
  repetition_penalty: {title: "repetition penalty", off: 1, min: 0.5, max: 2, step: 0.01, start: 1.1, least: 0.01, most: 100},
  temperature: {title: "temperature", off: 1, min: 0, max: 2, step: 0.01, start: 0.8, least: 0, most: 100},
  top_k: {title: "top-k", off: 0, min: 1, max: 100, step: 1, start: 40, least: 0, most: 4294967295},
  top_p: {title: "top-p", off: 1, min: 0, max: 1, step: 0.01, start: 0.9, least: 0, most: 1},
  min_p: {title: "min-p", off: 0, min: 0, max: 1, step: 0.01, start: 0.05, least: 0, most: 1},
  typical_p: {title: "typical-p", off: 1, min: 0, max: 1, step: 0.01, start: 0.95, least: 0, most: 1},
};
const ORDER = Object.keys(STAGES);
const CUTS = ["top_k", "top_p", "min_p", "typical_p"];

// The stages of a setting that do something.
function active(setting) {
  return setting.filter(s => s.on && s.value !== STAGES[s.name].off);
}

// A row through a chain: what is left, and which stage removed what.
function decode(row, setting, history) {
  const c = new Candidates(row), removed = new Map(), cuts = new Map();
  for (const {name, value} of active(setting)) {
    const before = c.at, tail = c.tail;
    c[name](value, history);
    const left = new Set(c.at);
    for (const i of before) if (!left.has(i)) removed.set(i, name);
    if (tail && !c.tail) cuts.set("tail", name);
  }
  return {c, removed, tailRemoved: cuts.get("tail")};
}

// The text that a seed draws under a setting: ids, null where the page can't tell; it ends at an end token.
function drawText(rows, setting, seed, data, sample = 0) {
  const ids = [], needs = active(setting).some(s => s.name === "repetition_penalty");
  for (const row of rows) {
    const history = needs ? [...data.prompt, ...data.prefix, ...ids.filter(id => id !== null)] : [];
    const id = decode(row, setting, history).c.pick(uniform(seed, data.sequence, sample, row.step));
    ids.push(id);
    if (data.eos.includes(id)) break;
  }
  return ids;
}
