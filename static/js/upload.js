// The upload page: takes files and addresses in, sends a few at a time, asks how far they are, and says so above the list.
import { all, notify, one, say, token } from "./dom.js"
import { dropped, onWindowDrop, pastedPictures } from "./files.js"
import { ask, send } from "./sending.js"
import { Rows } from "./rows.js"

const PARALLEL = 4
const ASK_EVERY = 1500
const ASKED_AT_ONCE = 200
const NO_ID = "00000000-0000-0000-0000-000000000000"
const NO_FILE = { size: 0 }
const SENT = new Set(["pending", "ready", "failed", "known", "refused", "archive"])

let page = null

const start = () => {
  onWindowDrop(async (data) => page?.isThere() && page.take(await dropped(data)))
  addEventListener("paste", (event) => page?.isThere() && page.take(pastedPictures(event)))
  addEventListener("beforeunload", (event) => page?.isThere() && page.isSending() && event.preventDefault())
}

const enliven = (root) => {
  const form = all("[data-upload]", root)[0]
  if (form) page = new Upload(form)
}

class Upload {
  constructor(form) {
    this.form = form
    this.items = []
    this.next = 0
    this.active = 0
    this.bytes = { all: 0, sent: 0 }
    this.began = 0
    this.rows = new Rows(one("[data-queue]", form), one("[data-row]", form), form.dataset)
    form.addEventListener("change", (event) => this.changed(event))
    form.addEventListener("submit", (event) => this.submitted(event))
  }

  isThere() {
    return this.form.isConnected
  }

  isSending() {
    return this.active > 0 || this.next < this.items.length
  }

  changed(event) {
    if (event.target.type === "file") {
      this.take([...event.target.files])
      event.target.value = ""
    } else if (event.target.matches("[data-only-refused]")) {
      this.rows.only = event.target.checked ? (item) => item.state === "refused" || item.state === "failed" : null
      this.rows.show(this.items)
    }
  }

  submitted(event) {
    event.preventDefault()
    const field = one("[name=url]", this.form)
    const url = field?.value.trim()
    if (!url) return
    field.value = ""
    this.add([{ file: NO_FILE, url, name: url, unseen: true }])
  }

  take(files) {
    this.add(files.map((file) => ({ file, name: file.webkitRelativePath || file.name })))
  }

  add(items) {
    if (!items.length) return
    const name = one("[name=new]", this.form)
    if (!this.home && !one("[data-home]", this.form)?.value && !name.value.trim()) {
      notify(say("choose_name"))
      this.kept = items
      name.addEventListener("change", () => this.kept && this.add(this.kept), { once: true })
      return name.focus()
    }
    this.kept = null
    this.began ||= performance.now()
    for (const item of items) {
      this.items.push({ ...item, state: "waiting", part: 0, message: "" })
      this.bytes.all += item.file.size
    }
    one("[data-progress]", this.form).hidden = false
    this.changedRows()
    this.pump()
  }

  // The first file makes a new collection; the others wait for it, so that there is only one.
  pump() {
    const lanes = this.home || one("[data-home]", this.form)?.value ? PARALLEL : 1
    while (this.active < lanes && this.next < this.items.length) {
      const item = this.items[this.next++]
      if (item.state === "waiting") this.transfer(item)
    }
  }

  most(item) {
    const { archiveMost, most, videoMost } = this.form.dataset
    if (/\.zip$/i.test(item.name)) return Number(archiveMost)
    const films = item.file.type?.startsWith("video/") || /\.(mkv|avi|mpe?g|m?ts)$/i.test(item.name)
    return Number(films ? videoMost : most)
  }

  async transfer(item) {
    this.active += 1
    if (item.file.size > this.most(item)) this.finish(item, { state: "refused", message: say("too_large") })
    else {
      const outcome = await send(this.form.dataset.fileUrl, () => this.body(item), {
        token: token(),
        progress: (part) => this.progressed(item, part),
        trouble: () => this.changedRows(),
      })
      this.finish(item, outcome)
    }
    this.active -= 1
    this.pump()
  }

  body(item) {
    const data = new FormData()
    if (item.url) data.append("url", item.url)
    else data.append("file", item.file, item.file.name)
    const home = this.home ?? one("[data-home]", this.form)?.value
    if (home) data.append("collection", home)
    else data.append("new", one("[name=new]", this.form).value)
    item.state = "sending"
    return data
  }

  progressed(item, part) {
    this.bytes.sent += (part - item.part) * item.file.size
    item.part = part
    this.changedRows()
  }

  finish(item, outcome) {
    this.progressed(item, 1)
    Object.assign(item, { state: outcome.state, message: outcome.message ?? "", id: outcome.id })
    if (outcome.collection && !this.home) this.settle(outcome.collection)
    if (item.state === "pending" || item.state === "archive") this.follow()
    this.changedRows()
  }

  settle(home) {
    this.home = home
    const see = one("[data-see]", this.form)
    see.href = `/collections/${home}/`
    see.hidden = false
    for (const field of all("[data-home], [name=new]", this.form)) field.disabled = true
  }

  // One question at a time, for those that wait longest.
  follow() {
    this.timer ??= setTimeout(() => this.asked(), ASK_EVERY)
  }

  async asked() {
    const waiting = this.items.filter((item) => item.state === "pending").slice(0, ASKED_AT_ONCE)
    const archives = this.items.filter((item) => item.state === "archive" && !item.over)
    if (waiting.length) await this.askStates(waiting)
    for (const item of archives) await this.askArchive(item)
    this.timer = undefined
    if (this.items.some((item) => item.state === "pending" || (item.state === "archive" && !item.over))) this.follow()
    this.changedRows()
  }

  async askStates(waiting) {
    const data = new FormData()
    for (const item of waiting) data.append("id", item.id)
    const answer = await ask(this.form.dataset.statesUrl, { body: data, token: token() })
    for (const item of waiting) {
      const now = answer?.states[item.id]
      if (now && now.state !== "pending") Object.assign(item, now)
    }
  }

  async askArchive(item) {
    const job = await ask(this.form.dataset.archiveUrl.replace(NO_ID, item.id), {})
    if (!job) return
    item.over = job.state === "done" || job.state === "failed"
    item.part = job.total ? (job.done + job.failed + job.skipped) / job.total : 0
    item.message = job.total ? say("archive", job) : say("unpacking")
    if (!item.over) return
    item.state = job.state === "done" ? "ready" : "refused"
    if (job.message) item.message = job.message
    for (const issue of job.issues) {
      this.items.push({ file: NO_FILE, name: issue.name, state: "refused", part: 1, message: issue.message })
    }
    this.pump()
  }

  changedRows() {
    if (this.painting) return
    this.painting = requestAnimationFrame(() => {
      this.painting = 0
      this.rows.show(this.items)
      this.totals()
    })
  }

  totals() {
    const count = { waiting: 0, sending: 0, pending: 0, ready: 0, known: 0, refused: 0, failed: 0, archive: 0 }
    let sent = 0
    for (const item of this.items) {
      count[item.state] += 1
      if (SENT.has(item.state)) sent += 1
    }
    const refused = count.refused + count.failed
    one("[data-totals]", this.form).textContent = say("totals", { ...count, refused, sent, total: this.items.length })
    one("[data-all]", this.form).value = this.bytes.all ? this.bytes.sent / this.bytes.all : 1
    one("[data-left]", this.form).textContent = this.left()
  }

  left() {
    const spent = (performance.now() - this.began) / 1000
    if (!this.isSending() || !this.bytes.sent || spent < 2) return ""
    const seconds = Math.round((spent * (this.bytes.all - this.bytes.sent)) / this.bytes.sent)
    const time = seconds < 90 ? say("seconds", { n: seconds }) : say("minutes", { n: Math.round(seconds / 60) })
    return say("left", { time })
  }
}

start()
document.addEventListener("htmx:load", (event) => enliven(event.detail.elt))
