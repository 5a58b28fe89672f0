// What the page knows: nodes with numbers, who uses whom, and the scopes around them.

const byId = (id) => document.getElementById(id);

function html(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== "" && child !== undefined));
  return element;
}

function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

async function inflated(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

// Numbers as the pictures print them; NaN and infinities arrive as text.
function normText(value) {
  value = Number(value);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.01 || size >= 999.5) return value.toExponential(1).replace("e+", "e").replaceAll("-", "−");
  return (size >= 9.95 ? value.toFixed(0) : String(Number(value.toPrecision(2)))).replaceAll("-", "−");
}

function countText(n) {
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (n >= size) return (n / size).toFixed(1) + letter;
  return String(n);
}

function bytesText(n) {
  for (const [size, unit] of [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"]])
    if (n >= size) return `${(n / size).toFixed(1)} ${unit}`;
  return `${n} B`;
}

const secondsText = (s) => (s < 1e-3 ? `${normText(s * 1e6)} µs` : s < 1 ? `${normText(s * 1e3)} ms` : `${normText(s)} s`);

// What the colour of boxes may stand for: the amount of a node, and how it is said.
const AMOUNTS = {
  compute: [(node) => node.flops, (n) => `${countText(n)} FLOPs`],
  memory: [(node) => node.op && node.bytes, bytesText],
  time: [(node) => (node.seconds ?? 0) + (node.backSeconds ?? 0), secondsText],
};

const total = (numbers) => numbers.reduce((sum, n) => sum + (n ?? 0), 0);
const plural = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;
const shortened = (text, most) => (text.length > most ? text.slice(0, most - 1).trimEnd() + "…" : text);

class Graph {
  constructor(data) {
    Object.assign(this, data);
    this.staged = this.nodes.some((node) => node.op && node.stage);
    this.mixed = this.nodes.some((node) => node.op && !node.stage) && this.nodes.some((node) => node.stage);
    this.recorded = this.nodes.some((node) => node.known && node.known !== "not yet");
    this.operations = this.nodes.length;
    this.results.forEach(([i, label]) => this.nodes.push(this.resultNode(i, label)));
    this.users = this.nodes.map(() => []);
    this.nodes.forEach((node, i) => {
      node.index = i;
      (node.inputs ??= []).forEach((tensor, argument) => this.users[tensor].push({ tensor, user: i, argument }));
    });
    for (const node of this.nodes) // what the only use of a tensor passed back is its whole gradient
      node.edges?.forEach((edge, argument) => edge && (edge.passed ??= this.nodes[node.inputs[argument]].gradient));
  }

  resultNode(i, label) {
    const { shape, dtype, value, gradient, known } = this.nodes[i];
    return { name: label, role: "result", shape, dtype, value, gradient, known, inputs: [i] };
  }

  // How much of what is coloured a box stands for.
  amountOf(nodes) {
    return total(nodes.map((i) => AMOUNTS[this.tint][0](this.nodes[i]) || 0));
  }

  isParameter(i) {
    return this.nodes[i].role === "parameter" && !this.nodes[i].op;
  }

  label(i) {
    const node = this.nodes[i];
    return node.name || (node.op ? node.op : node.role);
  }

  // The nodes before or after some, themselves included.
  reached(start, forward) {
    const found = new Set(start);
    const waiting = [...start];
    while (waiting.length) {
      const i = waiting.pop();
      const next = forward ? this.users[i].map((use) => use.user) : this.nodes[i].inputs;
      for (const j of next) if (!found.has(j)) found.add(j), waiting.push(j);
    }
    return found;
  }

  parametersOf(operations) {
    const found = new Set();
    for (const i of operations) for (const k of this.nodes[i].inputs) if (this.isParameter(k)) found.add(k);
    return [...found];
  }

  // The norm of several gradients together, or the state that tells why there is none.
  normOf(nodes) {
    const known = nodes.filter((node) => node.gradient?.norm !== undefined);
    if (known.length) return { value: Math.hypot(...known.map((node) => Number(node.gradient.norm))) };
    return { state: nodes.some((node) => node.known === "none") ? "no gradient here" : "no backward yet" };
  }

  // What is known of the gradient on a wire: all of the tensor's, or what its one use passed back.
  gradientOf(uses) {
    const found = [];
    for (const tensor of new Set(uses.map((use) => use.tensor))) {
      const mine = uses.filter((use) => use.tensor === tensor);
      const node = this.nodes[tensor];
      if (node.role === "constant") continue;
      if (mine.length === this.users[tensor].length || mine.some((use) => this.nodes[use.user].role === "result"))
        found.push(node);
      else if (mine.length === 1) {
        const passed = this.nodes[mine[0].user].edges?.[mine[0].argument]?.passed;
        found.push({ gradient: passed, known: passed ? "known" : node.known });
      } else return null; // a sum that the page cannot know
    }
    return found.length ? this.normOf(found) : null;
  }

  colour(value) {
    value = Number(value);
    if (!Number.isFinite(value)) return this.notFinite;
    if (value === 0) return "#FFFFFF";
    const power = Math.min(Math.max(Math.log10(value), this.scale[0][0]), this.scale.at(-1)[0]);
    const k = Math.max(1, this.scale.findIndex(([mark]) => power <= mark));
    const [[low, start], [high, end]] = [this.scale[k - 1], this.scale[k]];
    return mixed(start, end, (power - low) / (high - low));
  }
}

const channels = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));

function mixed(start, end, share) {
  const [one, other] = [channels(start), channels(end)];
  return "#" + one.map((c, i) => Math.round(c + (other[i] - c) * share).toString(16).padStart(2, "0")).join("");
}

function luminance(colour) {
  const linear = channels(colour).map((c) => (c <= 10 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}

// The colour of readable text on a fill.
function readableOn(fill) {
  const light = luminance(fill);
  if ((light + 0.05) / (luminance("#1F2937") + 0.05) >= 4.5) return "#1F2937";
  return 1.05 / (light + 0.05) >= 4.5 ? "#FFFFFF" : "#000000";
}

// Scopes, operations, inputs and results as one tree of units.
class Unit {
  constructor(kind, name, parent, path = "") {
    Object.assign(this, { kind, name, parent, path, children: [], operations: [] });
    this.key = parent ? `${parent.key}/${parent.children.length}` : "";
    this.around = parent ? [...parent.around, parent] : [];
    parent?.children.push(this);
  }

  get folds() {
    return this.children.length > 0;
  }
}

function unitsOf(graph) {
  const root = new Unit("scope", "", null);
  const home = new Map();
  const place = (kind, name, parent, nodes, path = "") => {
    const unit = new Unit(kind, name, parent, path);
    unit.operations = nodes;
    nodes.forEach((i) => home.set(i, unit));
    return unit;
  };
  for (const [nodes, title, does] of graph.leaves) place("input", title, root, nodes).does = does;
  const grow = (scope, parent) => {
    for (const child of scope.children ?? []) {
      if (typeof child === "number") place("operation", graph.label(child), parent, [child]);
      else if (child.children.length === 1 && typeof child.children[0] === "number")
        Object.assign(place("operation", child.name, parent, child.children, child.path), { rows: child.rows, color: child.color });
      else {
        const unit = new Unit(child.kind, child.name, parent, child.path);
        Object.assign(unit, { does: child.does, rows: child.rows, color: child.color });
        grow(child, unit);
        unit.operations = unit.children.flatMap((inner) => inner.operations);
      }
    }
  };
  grow(graph.tree, root);
  graph.nodes.slice(graph.operations).forEach((result) => {
    const unit = home.get(result.inputs[0]);
    if (unit?.kind === "operation" && unit.parent === root && graph.users[result.inputs[0]].length === 1) {
      unit.kind = "result";
      unit.name = result.name;
      unit.operations.push(result.index);
      home.set(result.index, unit);
    } else place("result", result.name, root, [result.index]);
  });
  return { root, home };
}
