// A long grid of which the rows near the window exist: others leave it and come back, and their room stays.
import { Blocks } from "./blocks.js"
import { all, notify, one, say } from "./dom.js"
import { justified } from "./justify.js"
import { idOf, rankOf, set, tell } from "./long.js"

const NEAR = 0.6 // windows above and below that have their rows in the page
const AHEAD = 1.5 // windows above and below that are loaded
const KEPT = 3 // windows above and below beyond which pictures are forgotten
const JUMP = 90 // milliseconds of rest before what is far from all that is loaded is asked for
const AGAIN = 3000
const SPARE = 8
const OVER = [401, 403, 404, 410] // asked again, the answer would be the same
const UNDER = 64
const BY_HAND = ["wheel", "touchstart", "pointerdown", "keydown"]

export const start = () => {
  const list = one("[data-window]")
  if (!list || all("[data-card]", list).length >= Number(list.dataset.total)) return
  const grid = new Grid(list)
  set(grid)
  addEventListener("scroll", () => grid.later(), { passive: true })
  new ResizeObserver(() => grid.measure()).observe(list.parentElement)
  for (const name of BY_HAND) addEventListener(name, () => (grid.goal = null), { passive: true, capture: true })
}

const ratioOf = (card) => Number(/ar-(\d+)/.exec(card.className)?.[1] ?? 135) / 100

// What is fixed to the top of the window covers what is there.
const edge = () => Math.max(0, ...all(".bar, [data-rail]").map((each) => each.getBoundingClientRect()).map(covers))

const covers = ({ top, bottom, width }) => (top <= UNDER && width > innerWidth / 2 ? bottom : 0)

class Grid {
  constructor(list) {
    const { first, total, page } = list.dataset
    const cards = all(".card", list)
    this.list = list
    this.blocks = new Blocks({ total: Number(total), first: Number(first), size: Number(page) })
    this.asked = new Map()
    one(".more", list)?.remove()
    list.classList.add("windowed")
    this.measure()
    this.put(this.blocks.of(Number(first)), cards)
    this.later() // by then somebody may have gone to where these are
  }

  // A change of width makes other rows; the picture at the top of the window stays there.
  measure() {
    const style = getComputedStyle(this.list)
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize)
    const row = parseFloat(style.getPropertyValue("--row")) * rem
    const next = { width: this.list.clientWidth, row, gap: parseFloat(style.columnGap) }
    if (next.width === this.shape?.width && row === this.shape.row) return
    const seen = this.shape && this.seen()
    this.shape = next
    this.blocks.heights.clear()
    for (const at of this.blocks.loaded.keys()) this.arrange(at)
    this.settle()
    if (seen) this.show(seen.rank, seen.top)
  }

  later() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null
      this.paint()
    })
  }

  // Where the window is, in the list's own pixels.
  get view() {
    const top = -this.list.getBoundingClientRect().top
    return { top, bottom: top + innerHeight }
  }

  paint() {
    const { top, bottom } = this.view
    if (this.goal && Math.abs(this.topOf(this.goal.rank) - this.goal.top) > innerHeight) this.goal = null // scrolled away
    const reach = (windows) => this.blocks.between(top - windows * innerHeight, bottom + windows * innerHeight)
    this.forget(new Set(reach(KEPT)))
    this.attach({ from: top - NEAR * innerHeight, to: bottom + NEAR * innerHeight })
    this.request(reach(AHEAD).filter((at) => !this.blocks.loaded.has(at)))
    tell("moved", this)
  }

  forget(kept) {
    const held = document.activeElement?.closest?.(".card")
    for (const [at, { cards }] of this.blocks.loaded) if (!kept.has(at) && !cards.includes(held)) this.blocks.loaded.delete(at)
    for (const [at, asked] of this.asked) if (!kept.has(at)) asked.abort()
  }

  // What has the focus stays, wherever it is.
  attach({ from, to }) {
    const held = document.activeElement?.closest?.(".card")
    const wanted = []
    for (const at of [...this.blocks.loaded.keys()].sort((a, b) => a - b)) {
      const { cards, rows } = this.blocks.loaded.get(at)
      const top = this.blocks.tops[at]
      for (const row of rows) {
        const near = top + row.top + row.height > from && top + row.top < to
        for (const card of cards.slice(row.from, row.to)) {
          if (!near && card !== held) continue
          card.style.top = `${top + row.top}px`
          wanted.push(card)
        }
      }
    }
    this.replace(wanted)
  }

  replace(wanted) {
    const staying = new Set(wanted)
    for (const card of [...this.list.children]) {
      if (staying.has(card)) continue
      tell("left", card)
      unload(card)
      card.remove()
    }
    let next = this.list.firstElementChild
    for (const card of wanted) {
      if (card === next) next = next.nextElementSibling
      else {
        reload(card)
        this.list.insertBefore(card, next)
        tell("came", card)
      }
    }
  }

  // What lies beside loaded pictures is asked for at once; what is far from them when the window rests, the middle first.
  request(missing) {
    clearTimeout(this.rest)
    if (this.over) return
    const beside = (at) => this.blocks.loaded.has(at - 1) || this.blocks.loaded.has(at + 1)
    for (const at of missing.filter(beside)) this.load(at)
    const far = missing.filter((at) => !beside(at))
    if (far.length === missing.length) this.rest = setTimeout(() => far.length && this.load(far[far.length >> 1]), JUMP)
  }

  async load(at) {
    if (this.asked.has(at)) return
    const asking = new AbortController()
    this.asked.set(at, asking)
    const last = this.blocks.loaded.get(at - 1)?.cards.at(-1)
    const part = await this.fetch(at, { after: last && idOf(last), signal: asking.signal }).catch(() => null)
    if (part) this.complained = null
    else if (!this.over && !asking.signal.aborted) await this.complain()
    if (this.asked.get(at) === asking) this.asked.delete(at)
    if (part && !asking.signal.aborted) this.take(at, all(".card", part), Number(part.dataset.total ?? this.blocks.total))
    else this.later()
  }

  // What one may not see any more is not asked for again.
  end() {
    if (!this.over) notify(say("gone"), { bad: true })
    this.over = true
  }

  // Said once: it is tried again and again.
  complain() {
    this.complained ??= notify(say("broken"), { bad: true })
    return new Promise((done) => setTimeout(done, AGAIN))
  }

  // The pictures of a block, after those before it where these are known, so that none is skipped.
  async fetch(at, { after, signal } = {}) {
    const url = `${this.list.dataset.window}at=${this.blocks.start(at)}${after ? `&after=${after}` : ""}`
    const response = await fetch(url, { headers: { "HX-Request": "true" }, signal })
    if (response.headers.has("HX-Redirect")) location.assign(response.headers.get("HX-Redirect")) // signed out meanwhile
    if (OVER.includes(response.status)) this.end()
    const parsed = document.createElement("template")
    parsed.innerHTML = await response.text()
    return one("[data-window]", parsed.content)
  }

  take(at, cards, total) {
    this.put(at, cards, total)
    this.paint()
  }

  put(at, cards, total = this.blocks.total) {
    const known = new Set(this.blocks.cards().map(idOf))
    for (const card of this.blocks.loaded.get(at)?.cards ?? []) known.delete(idOf(card))
    const place = this.anchor()
    if (total !== this.blocks.total) this.blocks.resize(total)
    if (at >= this.blocks.count) return this.settle() // the list became shorter
    const most = this.blocks.end(at) - this.blocks.start(at)
    const fresh = cards.filter((card) => !known.has(idOf(card))).slice(0, most)
    for (const [index, card] of fresh.entries()) lean(card, { rank: this.blocks.start(at) + index, total })
    this.blocks.loaded.set(at, { cards: fresh, rows: [] })
    this.arrange(at)
    this.settle()
    this.hold(place)
  }

  // What was changed on the server is asked for anew; cards that are the same stay as they are.
  async renew() {
    for (const asked of this.asked.values()) asked.abort()
    const { top, bottom } = this.view
    const wanted = this.blocks.between(top, bottom)
    const parts = await Promise.all(wanted.map((at) => this.fetch(at).catch(() => null)))
    if (parts.includes(null)) return this.later()
    const known = new Map(this.blocks.cards().map((card) => [idOf(card), card]))
    this.blocks.loaded.clear()
    for (const [index, at] of wanted.entries()) {
      const cards = all(".card", parts[index]).map((card) => kept(known.get(idOf(card)), card))
      if (at < this.blocks.count) this.take(at, cards, Number(parts[index].dataset.total))
    }
  }

  // The cards from one rank to another, loaded for this where they are not here; null where some do not come.
  async range(from, to, tell) {
    const found = []
    for (let at = this.blocks.of(from); at <= this.blocks.of(to); at += 1) {
      const start = this.blocks.start(at)
      const part = this.blocks.loaded.has(at) ? null : await this.fetch(at).catch(() => null)
      const cards = this.blocks.loaded.get(at)?.cards ?? (part && all(".card", part))
      if (!cards) return null
      found.push(...cards.filter((_card, index) => start + index >= from && start + index <= to))
      tell(found.length)
    }
    return found
  }

  // The rank of a picture that is loaded.
  find(id) {
    const card = id && this.blocks.cards().find((each) => idOf(each) === id)
    return card ? rankOf(card) : undefined
  }

  // A card that has the focus is in the page wherever it is; what is beside it comes only where the window is.
  bring(card) {
    const { top, bottom } = card.getBoundingClientRect()
    if (!this.list.contains(card) || (bottom > -NEAR * innerHeight && top < (1 + NEAR) * innerHeight)) return
    this.show(rankOf(card), edge() + SPARE)
    this.paint()
  }

  // Whether cards beside this one's are still to come.
  awaits(link) {
    const card = this.list.contains(link) && link.closest(".card")
    const at = card ? this.blocks.of(rankOf(card)) : 0
    return card && [at - 1, at + 1].some((other) => other >= 0 && other < this.blocks.count && !this.blocks.loaded.has(other))
  }

  // Which picture ends the first row that is seen, near enough where that is still to come.
  get rank() {
    const top = Math.max(0, this.view.top + edge() + SPARE)
    const at = this.blocks.at(top)
    const [inside, start] = [top - this.blocks.tops[at], this.blocks.start(at)]
    const row = this.blocks.loaded.get(at)?.rows.find((each) => each.top + each.height > inside)
    return row ? start + row.to - 1 : Math.min(this.blocks.end(at) - 1, start + Math.floor(inside / this.blocks.guess))
  }

  // Where each card of a block is, beside its height in the list.
  arrange(at) {
    const block = this.blocks.loaded.get(at)
    const ratios = block.cards.map(ratioOf)
    const { gap, width } = this.shape
    block.rows = justified(ratios, { ...this.shape, isEnd: at === this.blocks.count - 1 })
    for (const { from, to, height } of block.rows) {
      let left = 0
      for (let index = from; index < to; index += 1) {
        const wide = Math.min(ratios[index] * height, width)
        Object.assign(block.cards[index].style, { left: `${left}px`, width: `${wide}px`, height: `${height}px` })
        left += wide + gap
      }
    }
    const last = block.rows.at(-1)
    this.blocks.heights.set(at, last ? last.top + last.height + gap : 0)
  }

  settle() {
    this.blocks.place()
    this.list.style.height = `${this.blocks.height}px`
  }

  // What is at the top of the window, to be held there while what is above it becomes higher or lower.
  anchor() {
    const { top } = this.view
    if (top <= 0) return null
    const at = this.blocks.at(top)
    const high = this.blocks.tops[at + 1] - this.blocks.tops[at]
    return { at, share: (top - this.blocks.tops[at]) / high }
  }

  hold(place) {
    if (this.goal) return this.reach()
    if (!place || place.at >= this.blocks.count) return
    const { at, share } = place
    const next = this.blocks.tops[at] + share * (this.blocks.tops[at + 1] - this.blocks.tops[at])
    const moved = next - this.view.top // a list that became shorter may have moved it already
    if (Math.abs(moved) > 0.5) scrollBy({ top: moved, behavior: "instant" })
  }

  // Until all around it is here, what one wants to see is held where it shall be.
  reach() {
    const { rank, top } = this.goal
    this.show(rank, top)
    const { top: from, bottom } = this.view
    if (this.blocks.between(from, bottom).every((at) => this.blocks.loaded.has(at))) this.goal = null
  }

  // The first card that is seen, with its place in list and window.
  seen() {
    const least = edge()
    const card = all(".card", this.list).find((each) => each.getBoundingClientRect().bottom > least + SPARE)
    if (card) return { rank: rankOf(card), id: idOf(card), top: card.getBoundingClientRect().top }
    const at = this.blocks.at(this.view.top)
    return { rank: this.blocks.start(at), id: null, top: this.blocks.tops[at] - this.view.top }
  }

  // How far below the top of the window a picture is, or will be once it is loaded.
  topOf(rank) {
    const at = this.blocks.of(rank)
    const inside = rank - this.blocks.start(at)
    const row = this.blocks.loaded.get(at)?.rows.find(({ to }) => to > inside)
    const guess = inside / Math.max(1, this.blocks.end(at) - this.blocks.start(at))
    const within = row ? row.top : guess * (this.blocks.tops[at + 1] - this.blocks.tops[at])
    return this.blocks.tops[at] + within - this.view.top
  }

  show(rank, top) {
    scrollBy({ top: this.topOf(rank) - top, behavior: "instant" })
  }

  // Be there, also when what comes turns out to be higher or lower than was thought.
  go(rank, top = edge() + SPARE) {
    this.goal = { rank, top }
    this.show(rank, top)
    this.paint()
    return top
  }
}

// A picture that is passed by before it came is asked for no longer, until its card comes back; so is one that failed.
const unload = (card) => {
  const image = one(".picture", card)
  if (image.complete) return
  image.dataset.src = image.src
  image.removeAttribute("src")
}

const reload = (card) => {
  const image = one(".picture", card)
  const failed = image.complete && !image.naturalWidth && image.hasAttribute("src")
  if (image.dataset.src || failed) image.src = image.dataset.src ?? image.src
  delete image.dataset.src
}

// The card that is here already, with what may have changed, unless it looks different now.
const kept = (old, card) => {
  const state = (each) => one(".state", each)?.textContent
  if (!old || state(old) !== state(card)) return card
  const [link, now] = [one("[data-card]", old), one("[data-card]", card)]
  for (const name of ["data-tags", "data-label", "aria-label"]) if (now.hasAttribute(name)) link.setAttribute(name, now.getAttribute(name))
  return old
}

// Without the blanks between its parts, and with its place in the whole list, of which a part is here.
const lean = (card, { rank, total }) => {
  const blanks = document.createTreeWalker(card, NodeFilter.SHOW_TEXT)
  const texts = []
  while (blanks.nextNode()) if (!blanks.currentNode.data.trim()) texts.push(blanks.currentNode)
  for (const text of texts) text.remove()
  card.ariaPosInSet = rank + 1
  card.ariaSetSize = total
}
