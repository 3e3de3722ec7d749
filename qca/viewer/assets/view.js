
const data = JSON.parse(document.getElementById("data").textContent);
const part = (id) => document.getElementById(id);
const HISTORY = 300; // values of a measure that are drawn
const HEADER = 16; // bytes before the measures
const RECORDED_WIDTH = 512;
const palettes = data.fields.map((field) => makePalette(field.palette));
const series = data.measures.map((measure) => ({ ...measure, values: [] }));
const charts = series.map((measure) => makeChart(part("measures"), measure));
const recorded = document.createElement("canvas");

let socket = null;
let frame = null; // the newest: { step, grid, lowest, highest, measures, places }
let charted = -1; // the step of the newest values in the charts
let shown = 0; // the field
let playing = false;
let brushed = ""; // the cell that was drawn on last
let recorder = null;

const send = (kind, values = {}) => {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ kind, ...values }));
};

const complain = (text) => {
  part("problem").hidden = !text;
  part("problem").textContent = text;
};

const decode = (buffer) => {
  const view = new DataView(buffer);
  const [rows, columns] = [view.getUint16(4, true), view.getUint16(6, true)];
  const measures = series.map((_, number) => {
    const value = view.getFloat32(HEADER + 4 * number, true);
    return Number.isFinite(value) ? value : null;
  });
  return {
    step: view.getUint32(0, true),
    grid: [rows, columns],
    lowest: view.getFloat32(8, true),
    highest: view.getFloat32(12, true),
    measures,
    places: new Uint8Array(buffer, HEADER + 4 * series.length),
  };
};

const field = () => ({ ...data.fields[shown], lowest: frame.lowest, highest: frame.highest });

const show = (next) => {
  const scaled = !frame || next.lowest !== frame.lowest || next.highest !== frame.highest;
  if (next.step < charted) series.forEach((measure) => (measure.values = []));
  // The same step again: disturbed, started otherwise, or with another field.
  if (next.step === charted) series.forEach((measure) => measure.values.pop());
  charted = next.step;
  frame = next;
  paint(part("canvas"), frame.places, frame.grid, palettes[shown]);
  if (scaled) paintLegend(part("scale"), part("ends"), field(), palettes[shown]);
  part("step").textContent = `step ${frame.step.toLocaleString("en")}`;
  series.forEach((measure, number) => {
    measure.values.push(frame.measures[number]);
    if (measure.values.length > HISTORY) measure.values.shift();
    charts[number].draw(measure.values);
    charts[number].point(measure.values.length - 1, measure.values);
  });
  if (recorder) copyForRecorder();
  document.body.dataset.frames = Number(document.body.dataset.frames || 0) + 1;
};

const copyForRecorder = () => {
  if (!frame) return; // the first one, or another field's, is on its way
  const [rows, columns] = frame.grid;
  recorded.width = RECORDED_WIDTH;
  recorded.height = Math.round((RECORDED_WIDTH * rows) / columns);
  const pen = recorded.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(part("canvas"), 0, 0, recorded.width, recorded.height);
};

const play = (wanted) => {
  playing = wanted;
  part("play").textContent = playing ? "Pause" : "Start";
  part("play").setAttribute("aria-pressed", String(playing));
  send(playing ? "play" : "pause");
};

const stepOnce = () => {
  play(false);
  send("step");
};

const reset = () =>
  send("reset", { seed: Math.max(0, Math.trunc(Number(part("seed").value))), start: part("start").value });

const chooseField = (number) => {
  shown = number;
  frame = null; // its scale is another field's
  send("field", { name: data.fields[number].name });
};

const readOut = (event) => {
  if (!frame) return;
  const [row, column] = cellAt(part("canvas"), event);
  const value = valueOf(field(), frame.places[row * frame.grid[1] + column]);
  part("readout").textContent =
    `row ${row}, column ${column}: ${data.fields[shown].name} ${format(value)} ${data.fields[shown].unit}`;
};

const brush = (event) => {
  readOut(event);
  if (!event.buttons) {
    brushed = "";
    return;
  }
  const [row, column] = cellAt(part("canvas"), event);
  const cell = `${row},${column}`;
  if (cell === brushed) return;
  brushed = cell;
  send("perturb", { row, column, radius: Number(part("radius").value) });
};

const save = (pieces, type) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(pieces, { type }));
  link.download = `${document.title.split(",")[0]}-step-${charted}.webm`;
  link.click();
  document.body.dataset.saved = link.download;
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};

const record = () => {
  if (recorder) {
    recorder.stop();
    return;
  }
  copyForRecorder();
  const pieces = [];
  recorder = new MediaRecorder(recorded.captureStream(30));
  recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
  recorder.addEventListener("stop", () => {
    save(pieces, recorder.mimeType);
    recorder = null;
    part("record").textContent = "Record";
    part("record").setAttribute("aria-pressed", "false");
  });
  recorder.start();
  part("record").textContent = "Save recording";
  part("record").setAttribute("aria-pressed", "true");
};

const KEYS = { " ": () => play(!playing), ArrowRight: stepOnce, r: reset, R: reset };

const onKey = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  if (event.target.matches("select, input") || (event.target.matches("button") && event.key === " ")) return;
  event.preventDefault();
  KEYS[event.key]();
};

const connect = () => {
  socket = new WebSocket(document.body.dataset.socket);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", (event) => {
    if (typeof event.data === "string") complain(JSON.parse(event.data).problem);
    else {
      show(decode(event.data));
      send("shown");
    }
  });
  socket.addEventListener("close", (event) => {
    playing = false;
    complain(`The view has ended${event.reason ? `: ${event.reason}` : ""}. Start qca view again, or reload the page.`);
  });
};

const fill = (id, values, label) =>
  values.forEach((value) => part(id).add(new Option(label(value), value)));

fill("field", data.fields.map((_, number) => number), (number) => data.fields[number].name);
fill("start", data.starts, (name) => name);
fill("speed", [1, 2, 5, 10, 25, 100].filter((steps) => steps <= data.fastest), (steps) =>
  steps === 1 ? "1 step a frame" : `${steps} steps a frame`);
fill("radius", [0, 1, 2, 4, 8, 16].filter((radius) => radius <= data.largestRadius), (radius) =>
  radius ? `${2 * radius + 1} cells` : "1 cell");
part("radius").selectedIndex = 1;
part("play").addEventListener("click", () => play(!playing));
part("once").addEventListener("click", stepOnce);
part("record").addEventListener("click", record);
part("reset").addEventListener("click", reset);
part("field").addEventListener("change", () => chooseField(Number(part("field").value)));
part("speed").addEventListener("change", () => send("speed", { steps: Number(part("speed").value) }));
part("zoom").addEventListener("change", () => {
  part("canvas").style.width = `${100 * Number(part("zoom").value)}%`;
});
part("canvas").addEventListener("pointerdown", brush);
part("canvas").addEventListener("pointermove", brush);
document.addEventListener("keydown", onKey);
connect();
