// The rail of years and months beside a long grid: says where one is, opens the year, and goes to a month by click, key or drag.
import { all, counted, one } from "./dom.js"
import { jump } from "./placed.js"
import { current, on } from "./long.js"

const KEYS = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }

let rail = null
let months = []
let here = null
let dragged = null

export const start = () => {
  rail = one("[data-rail]")
  if (!rail) return
  rail.addEventListener("keydown", onKey)
  if (!current() || !("live" in rail.dataset)) return
  months = read()
  rail.addEventListener("click", onClick)
  rail.addEventListener("pointerdown", onDown)
  rail.addEventListener("dragstart", (event) => event.preventDefault())
  on("moved", mark)
  mark(current())
}

// Every month of the list with the rank at which it begins.
const read = () => {
  let rank = 0
  return all("[data-months]", rail).flatMap((year) =>
    year.dataset.months.split(",").map((text) => {
      const [name, count] = text.split(" ")
      const month = { year, name, rank, count: Number(count) }
      rank += month.count
      return month
    }),
  )
}

// Where pictures came or went since, the links themselves lead to the months.
const fits = () => months.at(-1).rank + months.at(-1).count === current().blocks.total

const address = ({ year, name }) => one("a", year).getAttribute("href").replace(/month=[\d-]+/, `month=${name}`)

const mark = (grid) => {
  const now = months.findLast(({ rank }) => rank <= grid.rank) ?? months[0]
  if (now === here) return
  here = now
  if (!dragged) open(now.year)
  for (const link of all("[aria-current]", rail)) link.removeAttribute("aria-current")
  const link = linkOf(now)
  link.setAttribute("aria-current", "true")
  bring(link)
}

const linkOf = (month) => one(`[data-month="${month.name}"]`, rail) ?? one("a", month.year)

// The months of one year are shown; its link is the year's first month in this list.
const open = (year) => {
  if (one(".months", year)) return
  for (const list of all("li > ol", rail)) list.remove()
  const list = Object.assign(document.createElement("ol"), { className: "months", ariaLabel: year.dataset.months.slice(0, 4) })
  list.append(...months.filter((month) => month.year === year).map(item))
  year.append(list)
}

const item = (month) => {
  const link = Object.assign(document.createElement("a"), { href: address(month) })
  link.dataset.month = month.name
  const date = new Date(`${month.name}-15T12:00`)
  const count = document.createElement("small")
  count.textContent = counted(month.count)
  link.append(`${date.toLocaleDateString(document.documentElement.lang, { month: "short" })} `, count)
  const line = document.createElement("li")
  line.append(link)
  return line
}

// Only the rail is moved, not the page.
const bring = (link) => {
  const [box, frame] = [link.getBoundingClientRect(), rail.getBoundingClientRect()]
  rail.scrollBy({ top: box.top + box.height / 2 - frame.top - frame.height / 2, left: box.left + box.width / 2 - frame.left - frame.width / 2 })
}

const monthOf = (link) => months.find(({ year, name }) => (link.dataset.month ?? firstOf(link)) === name && year.contains(link))

const firstOf = (link) => link.closest("[data-months]").dataset.months.split(" ")[0]

const onClick = (event) => {
  const link = event.target.closest("a")
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button || !fits()) return
  event.preventDefault()
  jump(monthOf(link).rank, link.href)
}

const onKey = (event) => {
  const links = all("a", rail)
  const next = links[links.indexOf(event.target) + KEYS[event.key]]
  if (!next) return
  event.preventDefault()
  next.focus()
}

// With the button held, the grid follows what is under the pointer.
const onDown = (event) => {
  if (event.button || event.pointerType === "touch" || !fits()) return
  const move = (next) => {
    const link = document.elementFromPoint(next.clientX, next.clientY)?.closest("[data-rail] a")
    if (!link || link === (dragged ?? event.target.closest("a"))) return
    dragged = link
    current().go(monthOf(link).rank)
  }
  const end = () => {
    removeEventListener("pointermove", move)
    const link = dragged
    dragged = here = null // the year that it ends in is opened
    if (link) jump(monthOf(link).rank, link.href)
  }
  addEventListener("pointermove", move)
  for (const name of ["pointerup", "pointercancel"]) addEventListener(name, end, { once: true })
}
