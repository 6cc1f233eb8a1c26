// The rows of a justified grid, as its style sheet fills them; the last rows of a block share what is left, so that the
// next block goes on at the left edge.
const TALLEST = 1.7
const SHARED = 3

// Cards by ratio (width / height) become rows of { from, to, top, height }; only the end of the list may be ragged.
export const justified = (ratios, { width, row, gap, isEnd }) => {
  const cuts = filled(ratios, { width, row, gap })
  if (!isEnd) cuts.splice(-SHARED, SHARED, ...shared(ratios, { from: cuts.at(-SHARED) ?? 0, width, row }))
  const rows = []
  for (const [at, from] of cuts.entries()) {
    const to = cuts[at + 1] ?? ratios.length
    const last = isEnd && to === ratios.length
    const before = rows.at(-1)
    const height = last ? row : Math.min((width - gap * (to - from - 1)) / sum(ratios, from, to), row * TALLEST)
    rows.push({ from, to, top: before ? before.top + before.height + gap : 0, height })
  }
  return rows
}

const sum = (ratios, from, to) => ratios.slice(from, to).reduce((all, one) => all + one, 0)

// Where rows begin when each takes as many as fit.
const filled = (ratios, { width, row, gap }) => {
  const cuts = [0]
  let taken = 0
  for (const [at, ratio] of ratios.entries()) {
    if (at > cuts.at(-1) && taken + gap + ratio * row > width + 0.02) {
      cuts.push(at)
      taken = 0
    }
    taken += ratio * row + (at > cuts.at(-1) ? gap : 0)
  }
  return cuts
}

// Where rows begin when the cards from one on are shared out evenly.
const shared = (ratios, { from, width, row }) => {
  const whole = sum(ratios, from, ratios.length)
  const count = Math.max(1, Math.min(ratios.length - from, Math.round((whole * row * 1.08) / width)))
  const cuts = [from]
  let taken = 0
  for (let at = from; at < ratios.length; at += 1) {
    if (cuts.length < count && at > cuts.at(-1) && taken + ratios[at] / 2 > (whole * cuts.length) / count) cuts.push(at)
    taken += ratios[at]
  }
  return cuts
}
