// The search form: a picture from a drop, a paste or the chooser stays in the file field, and every change asks anew.
import { enliven as enlivenCrop, whole } from "./crop.js"
import { all, notify, one, say, typing } from "./dom.js"
import { dropped, onWindowDrop, pastedPictures } from "./files.js"

export const start = () => {
  onWindowDrop(async (data) => {
    if (!one("[data-upload]")) searchBy(await dropped(data))
  })
  addEventListener("paste", (event) => {
    if (one("[data-upload]")) return
    const pictures = pastedPictures(event)
    if (pictures.length) searchBy(pictures)
    else if (!typing(event.target)) searchAt(event.clipboardData?.getData("text/plain").trim())
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

// Several pictures are looked for together.
const searchBy = async (files) => {
  if (!files.length) return
  if (!form()) await toTheSearch()
  if (isTooLarge(files)) return
  hold(files)
  show(files)
  ask()
}

const hold = (files) => {
  const held = new DataTransfer()
  for (const file of files) held.items.add(file)
  one("[data-file]").files = held.files
}

// A pasted address of a picture stands where words do; the server fetches what is there.
const searchAt = async (text) => {
  if (!/^https?:\/\/\S+$/i.test(text ?? "")) return
  if (!form()) await toTheSearch()
  one("#words-field").value = text
  ask()
}

const isTooLarge = (files) => {
  const { most, mostFiles } = form().dataset
  const few = files.length <= Number(mostFiles)
  const isIt = !few || files.reduce((sum, file) => sum + file.size, 0) > Number(most)
  if (isIt) notify(say(few ? "too_large" : "too_many", { n: mostFiles }), { bad: true })
  return isIt
}

// From any other page: bring the search page in without loading anew, so that the file is still in our hands.
const toTheSearch = async () => {
  await htmx.ajax("GET", "/", { target: "body", swap: "innerHTML", headers: { "HX-History-Restore-Request": "true" } })
  history.pushState({ htmx: true }, "", "/")
}

const show = (files) => {
  const query = one("[data-query]")
  for (const old of all("img[src^='blob:']", query)) URL.revokeObjectURL(old.src)
  whole(form())
  for (const input of all("[data-side]", form())) input.value = ""
  for (const chip of all("[data-chips] .chip", form())) chip.remove()
  if (files.length > 1) return query.replaceChildren(several(files))
  const [file] = files
  const picture = one("[data-query-template]").content.firstElementChild.cloneNode(true)
  const image = one("img", picture)
  image.src = URL.createObjectURL(file)
  image.addEventListener("error", () => nameOnly(query, file), { once: true })
  query.replaceChildren(picture)
  enlivenCrop(query)
}

// One chip for each picture of several.
const several = (files) => {
  const list = Object.assign(document.createElement("ul"), { className: "chips" })
  for (const file of files) {
    const chip = one("[data-chip]").content.firstElementChild.cloneNode(true)
    const image = one("img", chip)
    image.src = URL.createObjectURL(file)
    image.addEventListener("error", () => image.remove(), { once: true })
    name(chip, file.name)
    one("input", chip).remove()
    list.append(chip)
  }
  return list
}

const name = (chip, text) => {
  one("span", chip).textContent = text
  one("button", chip).ariaLabel += `: ${text}`
}

// What the browser cannot draw, such as a TIFF, is searched with all the same; there is nothing to draw a box on.
const nameOnly = (query, file) => {
  const line = Object.assign(document.createElement("p"), { className: "faint", textContent: say("unseen", { name: file.name }) })
  query.replaceChildren(line)
}

const onChange = (event) => {
  const files = event.target.matches("[data-file]") ? [...event.target.files] : []
  if (files.length && isTooLarge(files)) {
    event.target.value = ""
    return
  }
  if (files.length) show(files)
  if (files.length || event.target.closest(".options")) ask()
}

const onClick = (event) => {
  const find = (selector) => event.target.closest(selector)
  if (find("[data-choose]")) choose(event)
  else if (find("[data-whole]")) forgetRegion()
  else if (find("[data-add]")) add(find("[data-add]"))
  else if (find("[data-drop-chip]")) leaveOut(find(".chip"))
  else if (find("[data-search-with]")) searchWith(event, find("[data-search-with]"))
}

// A picture of a page that is no stored one is fetched once more, and searched with like a file.
const searchWith = async (event, link) => {
  event.preventDefault()
  const answer = await fetch(link.href)
  if (!answer.ok) return notify(say("failed"), { bad: true })
  searchBy([new File([await answer.blob()], "drawn.png", { type: "image/png" })])
}

const choose = (event) => {
  event.preventDefault()
  if (form()) return one("[data-file]").click()
  const chooser = Object.assign(document.createElement("input"), { type: "file", accept: "image/*", multiple: true })
  chooser.addEventListener("change", () => searchBy([...chooser.files]))
  chooser.click()
}

const forgetRegion = () => {
  whole(form())
  ask()
}

// One more picture to like or not, beside what is searched by already.
const add = (button) => {
  const { add: kind, id } = button.dataset
  if (one(`[data-chips] input[value="${id}"]`)) return
  const chip = one("[data-chip]").content.firstElementChild.cloneNode(true)
  const card = button.closest(".card")
  chip.classList.toggle("not", kind === "no")
  one("img", chip).src = one(".picture", card).src
  const called = one("[data-card]", card).dataset.label
  name(chip, kind === "no" ? `${say("not")} ${called}` : called)
  Object.assign(one("input", chip), { name: kind, value: id })
  one("[data-chips]").append(chip)
  ask()
}

const leaveOut = (chip) => {
  if (chip.closest("[data-query]")) return leaveFileOut(chip)
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

const leaveFileOut = (chip) => {
  const at = [...chip.parentElement.children].indexOf(chip)
  searchBy([...one("[data-file]").files].filter((_file, place) => place !== at))
  one("[data-file]").focus({ preventScroll: true })
}
