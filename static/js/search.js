// The search form: a picture from a drop, a paste or the chooser stays in the file field, and every change asks anew.
import { whole } from "./crop.js"
import { all, one, say, typing } from "./dom.js"
import { dropped, onWindowDrop, pastedPictures } from "./files.js"
import { draw, files, form, hold, isTooLarge, name, show } from "./query.js"

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
  document.addEventListener("keydown", (event) => event.key === "Escape" && isOpen() && options(false))
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

// Ask what the form says; with more values, as a part of the page that asks for itself.
export const ask = (values) =>
  values ? htmx.ajax("POST", form().action, { source: form(), target: "#results", values }) : form().requestSubmit()

// What the form holds, to be put back into it.
export const taken = () => ({
  files: files(),
  fields: [...new FormData(form())].filter(([, value]) => typeof value === "string"),
  chips: one("[data-chips]").innerHTML,
})

export const putBack = ({ files: held, fields, chips }) => {
  if (!held.length) return // the address says everything, and the server has filled the form by it
  const said = fields.filter(([key]) => key !== "csrfmiddlewaretoken")
  one("[data-chips]").innerHTML = chips
  for (const control of form().elements) {
    const values = said.filter(([key]) => key === control.name).map(([, value]) => value)
    if (control.type === "radio" || control.type === "checkbox") control.checked = values.includes(control.value)
    else if (values.length && control.type !== "file") control.value = values[0]
  }
  hold(held)
  draw(held)
}

// Several pictures are looked for together.
const searchBy = async (pictures) => {
  if (!pictures.length) return
  if (!form()) await toTheSearch()
  if (isTooLarge(pictures)) return
  hold(pictures)
  show(pictures)
  ask()
}

// A pasted address of a picture stands where words do; the server fetches what is there.
const searchAt = async (text) => {
  if (!/^https?:\/\/\S+$/i.test(text ?? "")) return
  if (!form()) await toTheSearch()
  one("#words-field").value = text
  ask()
}

// From any other page: bring the search page in without loading anew, so that the file is still in our hands.
const toTheSearch = async () => {
  await htmx.ajax("GET", "/", { target: "body", swap: "innerHTML", headers: { "HX-History-Restore-Request": "true" } })
  history.pushState(null, "", "/")
}

const onChange = (event) => {
  const chosen = event.target.matches("[data-file]") ? files() : []
  if (chosen.length && isTooLarge(chosen)) {
    event.target.value = ""
    return
  }
  if (chosen.length) show(chosen)
  if (chosen.length || event.target.closest(".options")) ask()
}

const onClick = (event) => {
  const find = (selector) => event.target.closest(selector)
  if (find("[data-choose]")) choose(event)
  else if (find("[data-whole]")) forgetRegion()
  else if (find("[data-options]")) options(true)
  else if (find("[data-options-done]") || (isOpen() && !find("[data-search]"))) options(false)
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

// Where there is little room, the options are a sheet over the results.
const isOpen = () => form()?.classList.contains("open")

const options = (open) => {
  form().classList.toggle("open", open)
  one("[data-options]").setAttribute("aria-expanded", open)
  one(open ? "[data-options-done]" : "[data-options]").focus({ preventScroll: true })
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
  searchBy(files().filter((_file, place) => place !== at))
  one("[data-file]").focus({ preventScroll: true })
}
