// Where one looks at the graph: pan and zoom by wheel, drag, pinch, buttons and keys.

const NEAREST = 4;
const EDGE = 28;

class Camera {
  constructor(page) {
    const { stage } = page;
    Object.assign(this, { page, stage, x: 0, y: 0, scale: 1, pointers: new Map(), moved: false });
    stage.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    stage.addEventListener("pointerdown", (event) => this.press(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.release(event));
    addEventListener("beforeprint", () => this.toPaper());
    addEventListener("afterprint", () => this.apply());
    new ResizeObserver(() => this.whole && this.fit()).observe(stage);
  }

  get view() {
    return this.page.view;
  }

  get room() {
    return { w: this.stage.clientWidth, h: this.stage.clientHeight };
  }

  // Paper shows all of the picture, as large as the page.
  toPaper() {
    const { x, y, w, h } = this.view.bounds;
    this.view.picture.setAttribute("viewBox", `${x - 4} ${y - 4} ${w + 8} ${h + 8}`);
    this.view.world.removeAttribute("transform");
  }

  apply() {
    this.view.picture.removeAttribute("viewBox");
    this.view.world.setAttribute("transform", `translate(${this.x.toFixed(2)} ${this.y.toFixed(2)}) scale(${this.scale.toFixed(4)})`);
  }

  // All of it; or its width, from the top, where all of it would be too small to read.
  fit(wholly = false) {
    const { bounds } = this.view;
    const { w, h } = this.room;
    const wide = (w - 2 * EDGE) / bounds.w;
    const high = (h - 2 * EDGE) / bounds.h;
    const legible = Math.min(wide, 0.8);
    this.scale = Math.min(wide, Math.max(high, wholly ? 0 : legible), 1.6);
    this.x = (w - bounds.w * this.scale) / 2 - bounds.x * this.scale;
    this.y = Math.max(EDGE, (h - bounds.h * this.scale) / 2) - bounds.y * this.scale;
    this.whole = true;
    this.apply();
  }

  zoom(factor, x = this.room.w / 2, y = this.room.h / 2) {
    const scale = Math.min(NEAREST, Math.max(0.02, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.whole = false;
    this.apply();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.whole = false;
    this.apply();
  }

  // Moves as little as is needed to have an element in sight; to the middle if it is out of sight.
  show(element, centred = false) {
    const box = element.getBoundingClientRect();
    const stage = this.stage.getBoundingClientRect();
    const inside = box.left >= stage.left + EDGE && box.right <= stage.right - EDGE && box.top >= stage.top + EDGE && box.bottom <= stage.bottom - EDGE;
    if (inside && !centred) return;
    const top = box.height > stage.height ? box.top + stage.height / 2 - EDGE : box.top + box.height / 2;
    this.pan(stage.left + stage.width / 2 - (box.left + box.width / 2), stage.top + stage.height / 2 - top);
  }

  // Keeps what `find` finds at its place on the screen while `change` changes the picture.
  hold(find, change) {
    const before = find()?.getBoundingClientRect();
    change();
    const after = find()?.getBoundingClientRect();
    if (before && after) this.pan(before.left + before.width / 2 - after.left - after.width / 2, before.top - after.top);
  }

  wheel(event) {
    event.preventDefault();
    const at = this.stage.getBoundingClientRect();
    const lines = event.deltaMode === 1 ? 16 : 1;
    if (event.shiftKey) return this.pan(-(event.deltaX || event.deltaY) * lines, 0);
    this.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), event.clientX - at.left, event.clientY - at.top);
  }

  press(event) {
    if (event.button || event.target.closest("button")) return;
    this.pointers.set(event.pointerId, event);
    this.moved = this.pointers.size > 1;
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    if (!this.moved && Math.hypot(dx, dy) < 4) return;
    if (!this.stage.hasPointerCapture(event.pointerId)) this.stage.setPointerCapture(event.pointerId);
    this.moved = true;
    const other = [...this.pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    this.pointers.set(event.pointerId, event);
    if (!other) return this.pan(dx, dy);
    const at = this.stage.getBoundingClientRect();
    const spread = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    this.pan(dx / 2, dy / 2);
    this.zoom(spread(event) / spread(before), (event.clientX + other.clientX) / 2 - at.left, (event.clientY + other.clientY) / 2 - at.top);
  }

  release(event) {
    this.pointers.delete(event.pointerId);
  }
}
