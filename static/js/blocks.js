// A long list cut into blocks of pictures, of which some are loaded: where each begins, how high it is or is thought to be.
const HIGHEST = 12e6 // pixels: beyond some more, browsers draw nothing

export class Blocks {
  constructor({ total, first, size }) {
    this.size = size
    this.lead = (size - (first % size)) % size
    this.loaded = new Map()
    this.heights = new Map()
    this.guess = 1
    this.resize(total)
  }

  resize(total) {
    this.total = total
    this.count = Math.max(1, Math.ceil((total + this.lead) / this.size))
    for (const known of [this.loaded, this.heights]) for (const at of [...known.keys()]) if (at >= this.count) known.delete(at)
    this.place()
  }

  start(at) {
    return Math.max(0, at * this.size - this.lead)
  }

  end(at) {
    return Math.min(this.total, (at + 1) * this.size - this.lead)
  }

  of(rank) {
    return Math.floor((Math.min(Math.max(rank, 0), Math.max(this.total - 1, 0)) + this.lead) / this.size)
  }

  // Blocks that nobody has seen are as high as those that were, picture for picture.
  place() {
    let [high, many] = [0, 0]
    for (const [at, height] of this.heights) {
      high += height
      many += this.end(at) - this.start(at)
    }
    if (many) this.guess = Math.min(high / many, HIGHEST / this.total)
    this.tops = new Float64Array(this.count + 1)
    for (let at = 0; at < this.count; at += 1) {
      this.tops[at + 1] = this.tops[at] + (this.heights.get(at) ?? this.guess * (this.end(at) - this.start(at)))
    }
  }

  get height() {
    return this.tops[this.count]
  }

  // The block at a height, the first or last beyond the ends.
  at(y) {
    let [low, high] = [0, this.count - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.tops[middle] <= y) low = middle
      else high = middle - 1
    }
    return low
  }

  between(from, to) {
    const [low, high] = [this.at(from), this.at(to)]
    return Array.from({ length: high - low + 1 }, (_one, at) => low + at)
  }

  // All pictures that are loaded, in their order.
  cards() {
    return [...this.loaded.keys()].sort((a, b) => a - b).flatMap((at) => this.loaded.get(at).cards)
  }
}
