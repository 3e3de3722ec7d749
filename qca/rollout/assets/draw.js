"use strict";

// The colors of 256 places as 32-bit pixels, from a flat list of red, green, blue.
const makePalette = (colors) => {
  const bytes = new Uint8ClampedArray(1024).fill(255);
  for (let place = 0; place < 256; place += 1) {
    bytes.set(colors.slice(3 * place, 3 * place + 3), 4 * place);
  }
  return new Uint32Array(bytes.buffer);
};

// Paint palette places, one byte a cell, on a canvas with a pixel for each cell.
const paint = (canvas, places, [rows, columns], palette) => {
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let cell = 0; cell < pixels.length; cell += 1) pixels[cell] = palette[places[cell]];
  canvas.getContext("2d").putImageData(image, 0, 0);
};

const format = (value) => (value === null ? "unknown" : Number(value.toPrecision(3)).toString());

// Paint a field's scale, and name its ends.
const paintLegend = (canvas, ends, field, palette) => {
  const last = Math.round(field.highest);
  const places = field.categorical
    ? Uint8Array.from({ length: last + 1 }, (_, number) => number)
    : Uint8Array.from({ length: 256 }, (_, place) => place);
  paint(canvas, places, [1, places.length], palette);
  canvas.style.imageRendering = field.categorical ? "pixelated" : "auto";
  ends.replaceChildren(
    ...[format(field.lowest), field.unit, format(field.highest)].map((text) => {
      const span = document.createElement("span");
      span.textContent = text;
      return span;
    }),
  );
};

// What a palette place stands for.
const valueOf = (field, place) =>
  field.categorical ? place : field.lowest + (place / 255) * (field.highest - field.lowest);

// The cell under a pointer.
const cellAt = (canvas, event) => {
  const box = canvas.getBoundingClientRect();
  const clamp = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
  return [
    clamp((event.clientY - box.top) / box.height, canvas.height),
    clamp((event.clientX - box.left) / box.width, canvas.width),
  ];
};

// A small chart of one measure: `draw` its values, `point` at one of them.
const makeChart = (parent, measure) => {
  const svgName = "http://www.w3.org/2000/svg";
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption");
  const reading = document.createElement("span");
  caption.append(measure.name, reading);
  const svg = document.createElementNS(svgName, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(svgName, "path");
  const cursor = document.createElementNS(svgName, "line");
  cursor.setAttribute("y1", "0");
  cursor.setAttribute("y2", "100");
  svg.append(path, cursor);
  figure.append(caption, svg);
  parent.append(figure);
  const x = (frame, values) => (100 * frame) / Math.max(1, values.length - 1);
  return {
    draw: (values) => path.setAttribute("d", traceLine(values, x)),
    point: (frame, values) => {
      cursor.setAttribute("x1", x(frame, values));
      cursor.setAttribute("x2", x(frame, values));
      reading.textContent = `${format(values[frame])} ${measure.unit}`;
    },
  };
};

// An SVG path through values, broken where one is not known.
const traceLine = (values, x) => {
  const known = values.filter((one) => one !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const y = (one) => 96 - (92 * (one - low)) / (high > low ? high - low : 1);
  let pen = "M";
  return values.reduce((line, one, frame) => {
    const next = one === null ? "" : `${pen}${x(frame, values).toFixed(2)} ${y(one).toFixed(2)}`;
    pen = one === null ? "M" : "L";
    return line + next;
  }, "");
};
