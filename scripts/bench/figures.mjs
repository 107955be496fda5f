// Numbers of a table.

export const mib = 1024 * 1024

export const median = (figures) => figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]

export const shown = (figure) =>
  figure === undefined ? '–' : figure >= 100 ? Math.round(figure).toString() : figure.toPrecision(3)
