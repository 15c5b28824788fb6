// Text, and marks of charts, whose contrast with what lies behind them is too low for WCAG AA: [what, class, ratio, needed].
() => {
  const parse = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => { const s = v / 255; return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => { const [high, low] = [light(a), light(b)].sort((p, q) => q - p); return (high + 0.05) / (low + 0.05); };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at), colour = parse(style.backgroundColor);
      const stripes = style.backgroundImage.match(/rgba?\([^)]*\)/g);
      if (stripes) return stripes.map(parse);
      if (colour.length && (colour.length < 4 || colour[3] > 0)) return [colour];
    }
    return [[255, 255, 255]];
  };
  const found = [];
  let count = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || ["SCRIPT", "STYLE", "TITLE", "title"].includes(element.tagName) || !element.getClientRects().length) continue;
    const style = getComputedStyle(element), inside = element.closest("svg");
    const colour = parse(inside ? style.fill : style.color);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const needed = large ? 3 : 4.5;
    const worst = Math.min(...behind(element).map((colours) => ratio(colour, colours)));
    count += 1;
    if (worst < needed) found.push([node.data.trim().slice(0, 40), element.className, worst, needed]);
  }
  for (const mark of document.querySelectorAll(".dot, .marks, .line, .bar-p, .bar-n, .axis, .zero, .whisker, .spot")) {
    const style = getComputedStyle(mark), colour = parse(style.stroke === "none" ? style.fill : style.stroke);
    if (!mark.getClientRects().length) continue;
    const worst = Math.min(...behind(mark).map((colours) => ratio(colour, colours)));
    count += 1;
    if (worst < 3) found.push([mark.tagName, mark.getAttribute("class"), worst, 3]);
  }
  return { count, found };
}
