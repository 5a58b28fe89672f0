// A scene as SVG. Colours are the style sheet's, but for gradient norms, whose scale is the same everywhere.

const num = (value) => Math.round(value * 10) / 10;

class Painter {
  constructor(graph) {
    this.graph = graph;
    this.parts = []; // {element, nodes}: boxes and frames, and the nodes they stand for
    this.wires = []; // {element, uses}: links and their labels
  }

  paint(scene) {
    const layers = ["frames", "links", "boxes", "labels"].map((name) => svg("g", { class: name }));
    this.layers = Object.fromEntries(["frames", "links", "boxes", "labels"].map((name, i) => [name, layers[i]]));
    this.inside(scene, 0, 0);
    for (const link of scene.across.values()) this.across(link);
    return layers;
  }

  // A dashed line from panel to panel, between what belongs to one layer.
  across({ tail, head, uses }) {
    const [from, to] = [tail, head].map((unit) => this.parts.find((part) => part.unit === unit));
    const points = [[from.x + from.w, from.y + Math.min(from.h, HEAD) / 2], [to.x, to.y + Math.min(to.h, HEAD) / 2]];
    const [[x0, y0], [x1, y1]] = points;
    const d = `M${num(x0)},${num(y0)}C${num((x0 + x1) / 2)},${num(y0)} ${num((x0 + x1) / 2)},${num(y1)} ${num(x1)},${num(y1)}`;
    const tip = svg("path", { class: "arrow ahead", d: `M${num(x1)},${num(y1)}l-8,-3.6l0,7.2Z` });
    const group = svg("g", { class: `link across ${this.graph.nodes[uses[0].tensor].stage ?? ""}` }, svg("path", { class: "hit", d }), svg("path", { class: "ahead", d }), tip);
    this.layers.links.append(group);
    this.wires.push({ element: group, uses });
  }

  inside(content, left, top) {
    for (const edge of content.edges) this.link(edge, left, top);
    for (const box of content.boxes) {
      const [x, y] = [left + box.x - box.w / 2, top + box.y];
      if (box.inner) {
        this.frame(box, x, y);
        this.inside(box.inner, x, y);
      } else this.box(box, x, y);
    }
  }

  text(x, y, words, style, anchor = "start") {
    return svg("text", { x: num(x), y: num(y), class: style, "text-anchor": anchor }, words);
  }

  group(unit, style, label) {
    const attributes = { class: style, "data-unit": unit.key, tabindex: "0", role: unit.folds ? "button" : "img", "aria-label": label };
    if (unit.folds) attributes["aria-expanded"] = style === "frame";
    return svg("g", attributes);
  }

  frame(box, x, y) {
    const { unit } = box;
    const panel = unit.kind === "panel";
    const group = this.group(unit, panel ? "frame panel" : "frame", `${unit.path || unit.name}${panel ? "" : ", unfolded"}`);
    group.append(
      svg("rect", { x: num(x), y: num(y), width: num(box.w), height: num(box.h), rx: 10 }),
      this.text(x + (panel ? 12 : 26), y + 20, box.inner.title, "name"),
    );
    if (!panel)
      group.append(
        svg("rect", { class: "grip", x: num(x), y: num(y), width: num(box.w), height: HEAD, rx: 10 }),
        svg("path", { class: "sign", d: `M${num(x + 11)},${num(y + 13)}l4,4.5l4,-4.5` }),
      );
    this.layers.frames.append(group);
    this.parts.push({ element: group, nodes: unit.operations, unit, x, y, w: box.w, h: box.h, frame: true });
  }

  box(box, x, y) {
    const { unit, text } = box;
    const stage = this.graph.nodes[unit.operations.at(-1)]?.stage ?? "";
    const group = this.group(unit, `box ${unit.kind} ${stage}`, this.spoken(unit, text));
    if (unit.kind === "repeat")
      for (const shift of [6, 3])
        group.append(svg("rect", { class: "behind", x: num(x + shift), y: num(y + shift), width: num(box.w), height: num(box.h - 2 * shift), rx: 7 }));
    group.append(svg("rect", { x: num(x), y: num(y), width: num(box.w), height: num(box.h), rx: 7 }));
    if (unit.folds) group.append(svg("path", { class: "sign", d: `M${num(x + 10)},${num(y + 10)}l4.5,4l-4.5,4` }));
    group.append(this.text(x + (unit.folds ? 22 : 10), y + 18, text.title, "name"));
    if (text.kind) group.append(this.text(x + box.w - 10, y + 18, text.kind, "kind", "end"));
    text.rows.forEach((row, k) => group.append(this.text(x + 10, y + 36 + 15 * k, row, "kind")));
    const color = unit.color ?? this.share(unit);
    if (color) this.tint(group, color);
    const below = y + 15 * text.rows.length;
    if (text.parameters) group.append(this.text(x + 10, below + 38, text.parameters, "kind"));
    if (text.gradient) group.append(this.weights(text.gradient, x + box.w - 10, below + 26));
    if (text.strip) group.append(this.strip(text.strip, x + 10, below + 49, box.w - 20));
    this.layers.boxes.append(group);
    this.parts.push({ element: group, nodes: unit.operations, unit, x, y, w: box.w, h: box.h });
  }

  // From white to violet: the amount in a box, beside the largest in any.
  share(unit) {
    const { graph } = this;
    if (!graph.tint || !graph.nodes[unit.operations[0]].op) return null;
    this.most ??= Math.max(...this.leaves(this.scene).map((box) => graph.amountOf(box.unit.operations)));
    return this.most ? mixed("#FFFFFF", graph.much, graph.amountOf(unit.operations) / this.most) : null;
  }

  leaves(content) {
    return content.boxes.flatMap((box) => (box.inner ? this.leaves(box.inner) : [box]));
  }

  // A layer's own colour, with text that is readable on it in every theme.
  tint(group, color) {
    group.querySelector(":scope > rect:not(.behind)").style.fill = color;
    for (const name of ["--title", "--quiet", "--frame-title"]) group.style.setProperty(name, readableOn(color));
  }

  spoken(unit, text) {
    const gradient = text.gradient ? `weight gradient ${chipText(text.gradient)}` : "";
    return [unit.path || text.title, text.kind, text.parameters, gradient, unit.folds ? "folded" : ""].filter(Boolean).join(", ");
  }

  weights(gradient, right, y) {
    const words = chipText(gradient);
    const w = Math.max(46, widthOf(words, 11) + 10);
    return svg("g", { class: "grad" }, this.text(right - w - 6, y + 12, "‖∇W‖", "kind", "end"), this.chip(gradient, words, right - w, y, w));
  }

  chip(gradient, words, x, y, w) {
    if (gradient.state)
      return svg("g", { class: "chip empty" }, svg("rect", { x: num(x), y, width: num(w), height: 16, rx: 3 }), this.text(x + w / 2, y + 12, words, "kind", "middle"));
    const fill = this.graph.colour(gradient.value);
    const text = this.text(x + w / 2, y + 12, words, "number", "middle");
    text.setAttribute("fill", readableOn(fill));
    const rect = svg("rect", { x: num(x), y: num(y), width: num(w), height: 16, rx: 3, fill });
    return svg("g", { class: `chip${Number(gradient.value) === 0 ? " zero" : ""}` }, rect, text);
  }

  // One colour for each of the repeated blocks.
  strip(children, x, y, w) {
    const group = svg("g", { class: "strip grad" });
    const step = w / children.length;
    children.forEach((child, k) => {
      const norm = this.graph.normOf(this.graph.parametersOf(child.operations).map((i) => this.graph.nodes[i]));
      const rect = svg("rect", { x: num(x + k * step), y: num(y), width: num(Math.max(1, step - (step > 4 ? 1 : 0))), height: 13 });
      if (norm.state) rect.setAttribute("class", "none");
      else rect.setAttribute("fill", this.graph.colour(norm.value));
      rect.append(svg("title", {}, `${child.name}: ‖∇W‖ ${chipText(norm)}`));
      group.append(rect);
    });
    return group;
  }

  link(edge, left, top) {
    const { link } = edge;
    const points = edge.points.map(([x, y]) => [left + x, top + y]);
    const d = curve(points);
    const gradient = link.gradient === undefined ? this.gradientOf(link) : link.gradient;
    const group = svg("g", { class: `link ${this.stageOf(link)}` }, svg("path", { class: "hit", d }));
    const known = gradient && gradient.state === undefined;
    group.append(svg("path", { class: "ahead", d, transform: known ? "translate(-1.3 0)" : "" }));
    const ends = [link.tail instanceof Unit && !this.opened(link.tail), link.head instanceof Unit && !this.opened(link.head)];
    const way = edge.turned ? -1 : 1;
    if (ends[1]) group.append(arrow(points.at(-1), way, "ahead"));
    if (known) {
      const colour = lineColour(this.graph.colour(gradient.value));
      const back = svg("path", { class: "back grad", d, transform: "translate(1.3 0)" });
      back.style.stroke = colour;
      group.append(back);
      if (ends[0]) {
        const head = arrow(points[0], -way, "grad");
        head.style.fill = colour;
        group.append(head);
      }
    }
    this.layers.links.append(group);
    this.wires.push({ element: group, uses: link.uses });
    if (edge.labelAt) this.label(link, left + edge.labelAt[0], top + edge.labelAt[1]);
  }

  stageOf(link) {
    return this.graph.nodes[link.uses[0].tensor].stage ?? "";
  }

  opened(unit) {
    return this.scene.isOpen(unit);
  }

  gradientOf(link) {
    return this.graph.recorded ? this.graph.gradientOf(link.uses) : null;
  }

  label(link, x, y) {
    const group = svg("g", { class: `label ${this.stageOf(link)}` });
    if (link.text) group.append(this.text(x, y + 13, link.text, "shape"));
    if (link.gradient) {
      const words = chipText(link.gradient, "‖∇‖ ");
      const chip = svg("g", { class: "grad" }, this.chip(link.gradient, words, x, y + (link.text ? 18 : 1), widthOf(words, 11) + 10));
      group.append(chip);
    }
    this.layers.labels.append(group);
    this.wires.push({ element: group, uses: link.uses });
  }
}

// A smooth line that leaves and enters every point from above.
function curve(points) {
  let d = `M${num(points[0][0])},${num(points[0][1])}`;
  for (let i = 1; i < points.length; i++) {
    const [[x0, y0], [x1, y1]] = [points[i - 1], points[i]];
    if (Math.abs(x0 - x1) < 0.5) d += `L${num(x1)},${num(y1)}`;
    else d += `C${num(x0)},${num((y0 + y1) / 2)} ${num(x1)},${num((y0 + y1) / 2)} ${num(x1)},${num(y1)}`;
  }
  return d;
}

function arrow([x, y], way, style) {
  const shift = way > 0 ? -1.3 : 1.3;
  const back = y - 8 * way;
  return svg("path", { class: `arrow ${style}`, d: `M${num(x + shift)},${num(y)}L${num(x + shift - 3.6)},${num(back)}L${num(x + shift + 3.6)},${num(back)}Z` });
}

// A norm's colour as a line, which near white would not be seen.
function lineColour(fill) {
  return 1.05 / (luminance(fill) + 0.05) >= 1.6 ? fill : "#8A94A6";
}
