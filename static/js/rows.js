// A list of thousands of files of which only the visible rows exist; scrolling moves them.
import { one, say } from "./dom.js"

const SPARE = 4
const NO_ID = "00000000-0000-0000-0000-000000000000"

export class Rows {
  constructor(queue, template, addresses) {
    this.queue = queue
    this.list = one("ol", queue)
    this.template = template
    this.addresses = addresses
    this.rows = new Map()
    this.items = []
    this.only = null
    this.height = 56
    queue.addEventListener("scroll", () => this.paint(), { passive: true })
    new ResizeObserver(() => this.measure()).observe(queue)
  }

  // The style sheet says how high a row is: higher on a phone, where the reason stands under the name.
  measure() {
    this.height = parseFloat(getComputedStyle(this.queue).getPropertyValue("--row"))
    this.fill()
  }

  show(items) {
    this.items = this.only ? items.filter(this.only) : items
    this.fill()
  }

  fill() {
    this.list.style.height = `${this.items.length * this.height}px`
    this.paint()
  }

  paint() {
    const first = Math.max(0, Math.floor(this.queue.scrollTop / this.height) - SPARE)
    const last = Math.min(this.items.length, Math.ceil((this.queue.scrollTop + this.queue.clientHeight) / this.height) + SPARE)
    const wanted = new Set(this.items.slice(first, last))
    for (const [item, row] of this.rows) if (!wanted.has(item)) this.remove(item, row)
    for (let at = first; at < last; at += 1) this.row(this.items[at], at)
  }

  remove(item, row) {
    const source = one(".preview", row).src
    if (source.startsWith("blob:")) URL.revokeObjectURL(source)
    row.remove()
    this.rows.delete(item)
  }

  row(item, at) {
    const row = this.rows.get(item) ?? this.make(item)
    row.style.top = `${at * this.height}px`
    row.ariaPosInSet = at + 1
    row.ariaSetSize = this.items.length
    if (row.dataset.state !== item.state) row.dataset.state = item.state
    if (item.id && item.state !== "archive" && item.state !== "refused") this.link(row, item)
    const what = one(".what", row)
    const text = item.message || say(item.state === "archive" ? "unpacking" : item.state)
    if (what.textContent !== text) what.textContent = what.title = text
    const bar = one("progress", row)
    bar.value = item.part
    bar.hidden = item.state !== "sending" && item.state !== "archive"
  }

  link(row, item) {
    one(".name", row).href = this.addresses.pictureUrl.replace(NO_ID, item.id)
    if (!item.unseen) return
    item.unseen = false
    one(".preview", row).src = this.addresses.thumbnailUrl.replace(NO_ID, item.id)
  }

  // A browser that cannot draw the file, such as a TIFF, shows the thumbnail once there is one.
  hide(preview, item) {
    preview.removeAttribute("src")
    item.unseen ??= true
  }

  make(item) {
    const row = this.template.content.firstElementChild.cloneNode(true)
    one(".name", row).textContent = item.name
    const preview = one(".preview", row)
    preview.addEventListener("error", () => this.hide(preview, item))
    if (item.file.type?.startsWith("image/") && item.file.size) preview.src = URL.createObjectURL(item.file)
    else preview.removeAttribute("src")
    this.rows.set(item, row)
    this.list.append(row)
    return row
  }
}
