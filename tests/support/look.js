// What a reader with this window sees of the page; run in the page by test_browser.py.

const color = (text) => {
  const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
  return { r, g, b, a };
};

// https://www.w3.org/TR/WCAG21/#dfn-relative-luminance
const luminance = ({ r, g, b }) => {
  const [red, green, blue] = [r, g, b].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

const background = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const found = color(getComputedStyle(at).backgroundColor);
    if (found.a === 1) return found;
  }
  return { r: 255, g: 255, b: 255 };
};

const contrast = (element) => {
  const style = getComputedStyle(element);
  const ink = color(element.closest("svg") ? style.fill : style.color);
  const [light, dark] = [luminance(ink), luminance(background(element))].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};

// A drawing is scaled to its column, and its letters with it.
const height = (element) => {
  const size = parseFloat(getComputedStyle(element).fontSize);
  const svg = element.closest("svg");
  return svg ? size * (svg.getBoundingClientRect().width / svg.viewBox.baseVal.width) : size;
};

const visible = (element) => element.checkVisibility() && element.getClientRects().length > 0;
const box = (element) => element.getBoundingClientRect();
const apart = (a, b) =>
  a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;

document.querySelectorAll("details").forEach((one) => (one.open = true));

const texts = [...document.querySelectorAll("body *")].filter(
  (element) =>
    visible(element) &&
    [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()),
);
const drawings = [...document.querySelectorAll("svg")].filter(visible);
const labels = drawings.map((svg) => [...svg.querySelectorAll("text")]);
const overlaps = labels.flatMap((these) =>
  these.flatMap((one, number) =>
    these.slice(number + 1).filter((other) => !apart(box(one), box(other)))
      .map((other) => `${one.textContent} / ${other.textContent}`)),
);
const root = document.documentElement;
const outside = labels.flat().filter(
  (text) => box(text).left < -0.5 || box(text).right > root.clientWidth + 0.5);

return {
  too_wide: root.scrollWidth - root.clientWidth,
  drawings: drawings.length,
  pictures: [...document.images].filter((image) => image.naturalWidth > 0).length,
  broken: [...document.images].filter((image) => image.naturalWidth === 0).length,
  faint: texts.filter((element) => contrast(element) < 4.5).map((one) => one.textContent.trim()),
  small: texts.filter((element) => height(element) < 10.5).map((one) => one.textContent.trim()),
  overlaps,
  outside: outside.map((text) => text.textContent),
  paper: getComputedStyle(document.body).backgroundColor,
};
