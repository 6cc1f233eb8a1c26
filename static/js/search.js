// The search form: a picture from a drop, a paste or the chooser stays in the file field, and every change asks anew.
import { enliven as enlivenCrop, whole } from "./crop.js"
import { all, notify, one, say } from "./dom.js"
import { dropped, onWindowDrop, pastedPictures } from "./files.js"

export const start = () => {
  onWindowDrop(async (data) => {
    if (!one("[data-upload]")) searchBy((await dropped(data))[0])
  })
  addEventListener("paste", (event) => {
    const [picture] = pastedPictures(event)
    if (picture && !one("[data-upload]")) searchBy(picture)
  })
  document.addEventListener("change", onChange)
  document.addEventListener("click", onClick)
  document.addEventListener("submit", onSubmit, true)
  document.addEventListener("htmx:afterSwap", tell)
}

// What came of a search is said in one line, not picture by picture.
const tell = (event) => {
  if (event.detail.target.id !== "results") return
  one("[data-said]").textContent = all("#line, h2 + p, h2", event.detail.target).map((line) => line.innerText).join(". ")
}

// However it was asked, by Enter among the words as well, the panel makes room for the answer.
const onSubmit = (event) => {
  if (event.target === form()) one("main.search").classList.toggle("asked", hasQuestion())
}

const hasQuestion = () =>
  Boolean(one("[data-file]").files.length || one("[data-chips] .chip") || one("#words-field").value.trim())

export const enliven = (root) => {
  if (all("[data-search]", root).length && location.hash === "#drop") one("[data-file]").focus()
}

const form = () => one("[data-search]")

const ask = () => form().requestSubmit()

const searchBy = async (file) => {
  if (!file) return
  if (!form()) await toTheSearch()
  if (isTooLarge(file)) return
  const files = new DataTransfer()
  files.items.add(file)
  one("[data-file]").files = files.files
  show(file)
  ask()
}

const isTooLarge = (file) => {
  const isIt = file.size > Number(form().dataset.most)
  if (isIt) notify(say("too_large"), { bad: true })
  return isIt
}

// From any other page: bring the search page in without loading anew, so that the file is still in our hands.
const toTheSearch = async () => {
  await htmx.ajax("GET", "/", { target: "body", swap: "innerHTML", headers: { "HX-History-Restore-Request": "true" } })
  history.pushState({ htmx: true }, "", "/")
}

const show = (file) => {
  const query = one("[data-query]")
  const old = one("img", query)
  if (old?.src.startsWith("blob:")) URL.revokeObjectURL(old.src)
  whole(form())
  for (const input of all("[data-side]", form())) input.value = ""
  for (const chip of all("[data-chips] .chip", form())) chip.remove()
  const picture = one("[data-query-template]").content.firstElementChild.cloneNode(true)
  const image = one("img", picture)
  image.src = URL.createObjectURL(file)
  image.addEventListener("error", () => nameOnly(query, file), { once: true })
  query.replaceChildren(picture)
  enlivenCrop(query)
}

// What the browser cannot draw, such as a TIFF, is searched with all the same; there is nothing to draw a box on.
const nameOnly = (query, file) => {
  const line = Object.assign(document.createElement("p"), { className: "faint", textContent: say("unseen", { name: file.name }) })
  query.replaceChildren(line)
}

const onChange = (event) => {
  const file = event.target.matches("[data-file]") ? event.target.files[0] : null
  if (file && isTooLarge(file)) {
    event.target.value = ""
    return
  }
  if (file) show(file)
  if (file || event.target.closest(".options")) ask()
}

const onClick = (event) => {
  const find = (selector) => event.target.closest(selector)
  if (find("[data-choose]")) choose(event)
  else if (find("[data-whole]")) forgetRegion()
  else if (find("[data-add]")) add(find("[data-add]"))
  else if (find("[data-drop-chip]")) leaveOut(find(".chip"))
}

const choose = (event) => {
  event.preventDefault()
  if (form()) return one("[data-file]").click()
  const chooser = Object.assign(document.createElement("input"), { type: "file", accept: "image/*" })
  chooser.addEventListener("change", () => searchBy(chooser.files[0]))
  chooser.click()
}

const forgetRegion = () => {
  whole(form())
  ask()
}

// One more picture to like or not, beside what is searched by already.
const add = (button) => {
  const { add: name, id } = button.dataset
  if (one(`[data-chips] input[value="${id}"]`)) return
  const chip = one("[data-chip]").content.firstElementChild.cloneNode(true)
  const card = button.closest(".card")
  chip.classList.toggle("not", name === "no")
  one("img", chip).src = one(".picture", card).src
  one("span", chip).textContent = one("[data-card]", card).getAttribute("aria-label").split(",")[0]
  Object.assign(one("input", chip), { name, value: id })
  one("[data-chips]").append(chip)
  ask()
}

const leaveOut = (chip) => {
  const first = chip === one("[data-chips] .chip:not(.not)")
  const fromFile = Boolean(one("[data-file]").files.length)
  chip.remove()
  one("[data-file]").focus({ preventScroll: true })
  if (first && !fromFile) {
    one("[data-query]").replaceChildren()
    for (const input of all("[data-side]", form())) input.value = ""
  }
  if (hasQuestion()) ask()
  else location.assign("/")
}
