// The pictures that one searches by, in the form: held in its file field, and shown with a box to draw or as chips.
import { enliven as enlivenCrop, whole } from "./crop.js"
import { all, notify, one, say } from "./dom.js"

export const form = () => one("[data-search]")

export const files = () => [...one("[data-file]").files]

export const hold = (files) => {
  const held = new DataTransfer()
  for (const file of files) held.items.add(file)
  one("[data-file]").files = held.files
}

export const isTooLarge = (files) => {
  const { most, mostFiles } = form().dataset
  const few = files.length <= Number(mostFiles)
  const isIt = !few || files.reduce((sum, file) => sum + file.size, 0) > Number(most)
  if (isIt) notify(say(few ? "too_large" : "too_many", { n: mostFiles }), { bad: true })
  return isIt
}

// Others than before: what was drawn on them, and who stood beside them, is over; a concept goes on narrowing.
export const show = (files) => {
  whole(form())
  for (const input of all("[data-side]", form())) input.value = ""
  for (const chip of all("[data-chips] .chip:not(.concept)", form())) chip.remove()
  draw(files)
}

export const draw = (files) => {
  const query = one("[data-query]")
  for (const old of all("img[src^='blob:']", query)) URL.revokeObjectURL(old.src)
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

export const name = (chip, text) => {
  one("span", chip).textContent = text
  one("button", chip).ariaLabel += `: ${text}`
}

// What the browser cannot draw, such as a TIFF, is searched with all the same; there is nothing to draw a box on.
const nameOnly = (query, file) => {
  const line = Object.assign(document.createElement("p"), { className: "faint", textContent: say("unseen", { name: file.name }) })
  query.replaceChildren(line)
}
