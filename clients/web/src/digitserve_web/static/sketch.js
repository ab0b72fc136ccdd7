// A square to draw in: strokes as points from 0 to 1, by pointer or by keys, drawn for the eye and for the model.

const SENT_PX = 224; // the side of the picture that is sent: eight times what the model sees
const STEP = 1 / 28; // how far an arrow key moves the pen
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Sketch {
  // `changed` is called after every change of what is drawn.
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.changed = changed;
    this.strokes = [];
    this.penWidth = 0.08;
    this.cursor = { x: 0.5, y: 0.25, shown: false, down: false };
    this.pointer = null;
    this.listen();
    new ResizeObserver(() => this.paint()).observe(canvas);
  }

  get isEmpty() {
    return this.strokes.length === 0;
  }

  undo() {
    this.strokes.pop();
    this.lift();
    this.update();
  }

  clear() {
    this.strokes = [];
    this.lift();
    this.update();
  }

  // Black on white, as a PNG.
  async picture() {
    const canvas = new OffscreenCanvas(SENT_PX, SENT_PX);
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SENT_PX, SENT_PX);
    this.drawStrokes(context, SENT_PX, "#000");
    return canvas.convertToBlob({ type: "image/png" });
  }

  paint() {
    const { canvas } = this;
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    this.drawStrokes(context, side, getComputedStyle(canvas).color);
    if (this.cursor.shown) this.drawCursor(context, side);
  }

  drawStrokes(context, side, colour) {
    context.strokeStyle = colour;
    context.lineCap = context.lineJoin = "round";
    for (const stroke of this.strokes) {
      context.lineWidth = stroke.width * side;
      context.beginPath();
      trace(context, stroke.points, side);
      context.stroke();
    }
  }

  drawCursor(context, side) {
    const { x, y, down } = this.cursor;
    context.strokeStyle = getComputedStyle(this.canvas).caretColor;
    context.lineWidth = side / 140;
    context.beginPath();
    context.arc(x * side, y * side, ((this.penWidth / 2) * (down ? 1 : 1.5) + 0.01) * side, 0, 7);
    context.stroke();
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.follow(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => this.end(event));
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => this.hideCursor());
  }

  begin(event) {
    if (this.pointer !== null || event.button !== 0) return;
    event.preventDefault();
    this.hideCursor();
    this.canvas.dataset.by = "pointer"; // no ring around it then
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.strokes.push({ width: this.penWidth, points: [this.place(event)] });
    this.update();
  }

  follow(event) {
    if (event.pointerId !== this.pointer) return;
    const { points } = this.strokes.at(-1);
    const between = event.getCoalescedEvents?.() ?? [];
    points.push(...(between.length ? between : [event]).map((each) => this.place(each)));
    this.update();
  }

  end(event) {
    if (event.pointerId === this.pointer) this.pointer = null;
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  }

  key(event) {
    const arrow = ARROWS[event.key];
    if (arrow) this.move(...arrow);
    else if (event.key === " ") this.setDown(!this.cursor.down);
    else return;
    delete this.canvas.dataset.by;
    event.preventDefault();
  }

  move(right, down) {
    const { cursor } = this;
    cursor.shown = true;
    cursor.x = inside(cursor.x + right * STEP);
    cursor.y = inside(cursor.y + down * STEP);
    if (cursor.down) this.strokes.at(-1).points.push([cursor.x, cursor.y]);
    if (cursor.down) this.update();
    else this.paint();
  }

  setDown(down) {
    const { cursor } = this;
    Object.assign(cursor, { down, shown: true });
    if (down) this.strokes.push({ width: this.penWidth, points: [[cursor.x, cursor.y]] });
    this.update();
  }

  hideCursor() {
    if (!this.cursor.shown) return;
    this.cursor.shown = false;
    this.lift();
    this.paint();
  }

  // The stroke that was being drawn is over, by whatever it was drawn.
  lift() {
    this.cursor.down = false;
    this.pointer = null;
  }

  update() {
    this.paint();
    this.changed();
  }
}

const inside = (share) => Math.min(1, Math.max(0, share));

// A smooth line through the middles between the points, which are its controls.
function trace(context, points, side) {
  const [[x, y], ...rest] = points.map(([across, down]) => [across * side, down * side]);
  let from = [x, y];
  context.moveTo(x, y);
  for (const to of rest) {
    context.quadraticCurveTo(...from, (from[0] + to[0]) / 2, (from[1] + to[1]) / 2);
    from = to;
  }
  context.lineTo(...from);
}
