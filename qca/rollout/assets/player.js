
const data = JSON.parse(document.getElementById("data").textContent);
const part = (id) => document.getElementById(id);
const [rows, columns] = data.grid;
const cells = rows * columns;
const last = data.steps.length - 1;
const palettes = data.fields.map((field) => makePalette(field.palette));
const charts = data.measures.map((measure) => makeChart(part("measures"), measure));

let frames = null; // palette places: field after field, frame after frame
let frame = 0;
let shown = 0; // the field
let playing = false;
let due = 0; // when the next frame is to be shown, in milliseconds

const unpack = async () => {
  const packed = Uint8Array.from(atob(data.frames), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

const placesOf = (field, number) => {
  const begin = (field * data.steps.length + number) * cells;
  return frames.subarray(begin, begin + cells);
};

const show = () => {
  paint(part("canvas"), placesOf(shown, frame), data.grid, palettes[shown]);
  part("scrub").value = frame;
  part("scrub").setAttribute("aria-valuetext", `step ${data.steps[frame]}`);
  part("step").textContent = `step ${data.steps[frame].toLocaleString("en")}`;
  charts.forEach((chart, number) => chart.point(frame, data.measures[number].values));
};

const choose = (field) => {
  shown = field;
  part("field").value = field;
  paintLegend(part("scale"), part("ends"), data.fields[field], palettes[field]);
  show();
};

const seek = (number) => {
  frame = Math.min(last, Math.max(0, number));
  show();
};

const tick = (now) => {
  if (!playing) return;
  const wait = 1000 / (data.fps * Number(part("speed").value));
  if (now >= due) {
    // Where the screen is slower than the film, frames are left out.
    const passed = Math.max(1, Math.min(last, Math.floor((now - due) / wait) + 1));
    due = Math.max(due + passed * wait, now);
    frame = frame + passed > last ? 0 : frame + passed;
    show();
  }
  requestAnimationFrame(tick);
};

const play = (wanted) => {
  playing = wanted && last > 0;
  part("play").textContent = playing ? "Pause" : "Play";
  part("play").setAttribute("aria-pressed", String(playing));
  due = performance.now() + 1000 / data.fps;
  if (playing) requestAnimationFrame(tick);
};

const stepBy = (count) => {
  play(false);
  seek(frame + count);
};

const KEYS = {
  " ": () => play(!playing),
  ArrowLeft: () => stepBy(-1),
  ArrowRight: () => stepBy(1),
  Home: () => stepBy(-data.steps.length),
  End: () => stepBy(data.steps.length),
};

const onKey = (event) => {
  const onControl = event.target.matches("select, button");
  const number = Number(event.key) - 1;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("select") || (onControl && event.key === " ")) return;
  if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  } else if (number >= 0 && number < data.fields.length) choose(number);
};

const readOut = (event) => {
  const [row, column] = cellAt(part("canvas"), event);
  const field = data.fields[shown];
  const value = valueOf(field, placesOf(shown, frame)[row * columns + column]);
  part("readout").textContent =
    `row ${row}, column ${column}: ${field.name} ${format(value)} ${field.unit}`;
};

const start = async () => {
  frames = await unpack();
  data.fields.forEach((field, number) => part("field").add(new Option(field.name, number)));
  charts.forEach((chart, number) => chart.draw(data.measures[number].values));
  part("scrub").max = last;
  part("play").addEventListener("click", () => play(!playing));
  part("back").addEventListener("click", () => stepBy(-1));
  part("forward").addEventListener("click", () => stepBy(1));
  part("scrub").addEventListener("input", () => {
    play(false);
    seek(Number(part("scrub").value));
  });
  part("field").addEventListener("change", () => choose(Number(part("field").value)));
  part("canvas").addEventListener("pointermove", readOut);
  document.addEventListener("keydown", onKey);
  choose(data.shown);
  play(!matchMedia("(prefers-reduced-motion: reduce)").matches);
};

start().catch((error) => {
  part("problem").hidden = false;
  part("problem").textContent = `This browser cannot play the page: ${error.message}`;
});
