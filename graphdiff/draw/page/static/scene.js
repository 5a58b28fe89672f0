// Which boxes and links there are while some scopes are open, how large they are, and where they stand.

const PAD = 16;
const HEAD = 30;
const BOX = 200;
const FONT = "Helvetica, Arial, sans-serif";

const pen = document.createElement("canvas").getContext("2d");
const widths = new Map();

function widthOf(text, size, bold = false) {
  const key = `${size}${bold}${text}`;
  if (!widths.has(key)) {
    pen.font = `${bold ? "bold " : ""}${size}px ${FONT}`;
    widths.set(key, pen.measureText(text).width);
  }
  return widths.get(key);
}

class Scene {
  constructor(graph, units, open) {
    Object.assign(this, { graph, units, open, links: new Map() });
    for (let user = 0; user < graph.nodes.length; user++)
      graph.nodes[user].inputs.forEach((tensor, argument) => this.connect({ tensor, user, argument }));
    Object.assign(this, this.arrange(units.root));
  }

  isOpen(unit) {
    return unit.folds && (unit.parent === null || this.open.has(unit.key));
  }

  // The innermost box on show that holds a node.
  shown(i) {
    const unit = this.units.home.get(i);
    return unit && (unit.around.find((scope) => !this.isOpen(scope)) ?? unit);
  }

  connect(use) {
    const [tail, head] = [this.units.home.get(use.tensor), this.units.home.get(use.user)];
    if (!tail || !head || tail === head) return;
    const [tails, heads] = [[...tail.around, tail], [...head.around, head]];
    let depth = 1;
    while (tails[depth] === heads[depth] && this.isOpen(tails[depth])) depth++;
    if (tails[depth] === heads[depth]) return; // within a folded box
    const link = this.link(tails[depth - 1], tails[depth], heads[depth], use);
    this.continued(tails, depth, link, use, true);
    this.continued(heads, depth, link, use, false);
  }

  // The same link inside the open scopes at its end, through a port in their frames.
  continued(units, depth, link, use, leaves) {
    for (; this.isOpen(units[depth]); depth++) {
      const port = link;
      const inner = units[depth + 1];
      link = leaves ? this.link(units[depth], inner, port, use) : this.link(units[depth], port, inner, use);
    }
  }

  link(container, tail, head, use) {
    const key = `${container.key}|${keyOf(tail)}|${keyOf(head)}`;
    if (!this.links.has(key)) this.links.set(key, { key, container, tail, head, uses: [] });
    const link = this.links.get(key);
    link.uses.push(use);
    return link;
  }

  // Lays out what is inside an open unit: {w, h, boxes, links}, with ports by link at its borders.
  arrange(unit) {
    const inside = [...this.links.values()].filter((link) => link.container === unit);
    const into = inside.filter((link) => !(link.tail instanceof Unit)).map((link) => link.tail);
    const outof = inside.filter((link) => !(link.head instanceof Unit)).map((link) => link.head);
    const ends = [...new Set(into), ...unit.children, ...new Set(outof)];
    const place = new Map(ends.map((end, i) => [end, i]));
    const firstPorts = new Set(into);
    const boxes = ends.map((end) => {
      if (end instanceof Unit) return this.box(end);
      return { w: 12, h: 0, pin: firstPorts.has(end) ? "first" : "last", port: end };
    });
    const edges = inside.map((link) => ({
      link, from: place.get(link.tail), to: place.get(link.head),
      label: link.tail instanceof Unit && link.head instanceof Unit ? this.labelOf(link) : undefined,
    }));
    for (const edge of edges) {
      edge.fromX = portOf(boxes[edge.from], edge.link);
      edge.toX = portOf(boxes[edge.to], edge.link);
    }
    const size = layered(boxes, edges);
    return this.framed(unit, size, boxes, edges);
  }

  framed(unit, size, boxes, edges) {
    const [side, head] = unit.parent ? [PAD, HEAD] : [0, 0];
    const title = unit.parent ? frameTitle(unit) : "";
    const w = Math.max(size.w + 2 * side, title ? 2 * widthOf(title, 13, true) + 70 : 0);
    const dx = (w - size.w) / 2;
    const foot = unit.parent ? 10 : 0;
    for (const box of boxes) box.x += dx, box.y += head;
    for (const edge of edges) {
      edge.points = edge.points.map(([x, y]) => [x + dx, y + head]);
      if (edge.labelAt) edge.labelAt = [edge.labelAt[0] + dx, edge.labelAt[1] + head];
    }
    const h = size.h + head + foot;
    const ports = new Map();
    for (const box of boxes) if (box.port) ports.set(box.port, box.x - w / 2);
    for (const edge of edges) {
      if (boxes[edge.from].port) edge.points.unshift([edge.points[0][0], 0]);
      if (boxes[edge.to].port) edge.points.push([edge.points.at(-1)[0], h]);
    }
    return { w, h, title, ports, boxes: boxes.filter((box) => !box.port), edges };
  }

  box(unit) {
    if (this.isOpen(unit)) {
      const inner = this.arrange(unit);
      return { unit, w: inner.w, h: inner.h, inner };
    }
    const text = boxText(this.graph, unit);
    const title = widthOf(text.title, 13, true) + (unit.folds ? 16 : 0);
    const first = title + widthOf(text.kind, 11) + 34;
    const second = text.parameters ? widthOf(text.parameters, 11) + 110 : 0;
    const said = Math.max(0, ...text.rows.map((row) => widthOf(row, 11) + 20));
    const rows = 1 + Boolean(text.parameters) + Boolean(text.strip);
    return { unit, text, w: Math.ceil(Math.max(BOX, first, second, said)), h: 8 + 20 * rows + 15 * text.rows.length };
  }

  labelOf(link) {
    const tensors = [...new Set(link.uses.map((use) => use.tensor))];
    const shape = this.graph.nodes[tensors[0]].shape;
    const text = tensors.length > 1 ? `${tensors.length} tensors` : shape === "scalar" ? "" : shape;
    const gradient = this.graph.recorded ? this.graph.gradientOf(link.uses) : null;
    link.text = text;
    link.gradient = gradient;
    const lines = Boolean(text) + Boolean(gradient);
    if (!lines) return undefined;
    const chip = gradient ? widthOf(chipText(gradient, "‖∇‖ "), 11) + 10 : 0;
    return { w: Math.max(widthOf(text, 11), chip) + 6, h: 17 * lines + 2 };
  }
}

// Where a link goes through a frame, or meets a port; elsewhere the layout decides.
const portOf = (box, link) => (box.port ? 0 : box.inner?.ports.get(link));

const keyOf = (end) => (end instanceof Unit ? end.key : `(${end.key})`);

function chipText(gradient, prefix = "") {
  return gradient.state ?? prefix + normText(gradient.value);
}

function frameTitle(unit) {
  return shortened(unit.kind === "repeat" ? `${unit.name}  × ${unit.children.length}` : unit.name, 36);
}

// What a folded box says.
function boxText(graph, unit) {
  const operations = unit.operations.map((i) => graph.nodes[i]).filter((node) => node.op);
  const parameters = (operations[0]?.stage && graph.mixed) || graph.hidden.includes("parameter") ? [] : graph.parametersOf(unit.operations);
  const size = parameters.reduce((sum, i) => sum + graph.nodes[i].size, 0);
  const gradient = parameters.length && !graph.staged ? graph.normOf(parameters.map((i) => graph.nodes[i])) : null;
  return {
    title: shortened(unit.name, 30),
    kind: shortened(kindOf(graph, unit), 44),
    parameters: size ? `${countText(size)} params` : "",
    gradient,
    rows: [...(unit.rows ?? []).map((row) => shortened(row, 60)), ...(graph.tint && operations.length ? [AMOUNTS[graph.tint][1](graph.amountOf(unit.operations))] : [])],
    strip: unit.kind === "repeat" && gradient ? unit.children : null,
  };
}

function kindOf(graph, unit) {
  const first = graph.nodes[unit.operations[0]];
  if (unit.kind === "input") return unit.does;
  if (unit.kind === "result") {
    return [first.op, first.shape === "scalar" && first.value?.exact].filter(Boolean).join(" = ") || first.shape;
  }
  if (unit.kind === "operation") return unit.name === first.op ? (first.symbol === first.op ? "" : first.symbol) : first.op;
  return unit.kind === "repeat" ? `× ${unit.children.length}` : unit.does;
}
