// Files from a drop, a paste or a folder, and the veil that shows where a drop would go.
import { one } from "./dom.js"

export const carriesFiles = (data) => [...(data?.types ?? [])].includes("Files")

export const pastedPictures = (event) => [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"))

// All files of a drop, folders opened, in the order of their names.
export const dropped = async (data) => {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean)
  if (!entries.length) return [...data.files]
  return (await Promise.all(entries.map(open))).flat()
}

const open = async (entry) => {
  if (entry.isFile) return [await new Promise((found, lost) => entry.file(found, lost))]
  const reader = entry.createReader()
  const found = []
  for (;;) {
    const some = await new Promise((got, lost) => reader.readEntries(got, lost))
    if (!some.length) break
    for (const inner of some.sort((a, b) => a.name.localeCompare(b.name))) found.push(...(await open(inner)))
  }
  return found
}

// Call back for each drop anywhere in the window; the callback returns false for a drop that it leaves alone.
export const onWindowDrop = (take) => {
  let depth = 0
  const veil = (shown) => {
    one("[data-veil]").hidden = !shown || Boolean(one("[data-upload]"))
  }
  const mine = (event) => carriesFiles(event.dataTransfer)
  addEventListener("dragenter", (event) => mine(event) && veil(++depth > 0))
  addEventListener("dragleave", (event) => mine(event) && veil(--depth > 0))
  addEventListener("dragover", (event) => mine(event) && event.preventDefault())
  addEventListener("drop", (event) => {
    if (!mine(event)) return
    event.preventDefault()
    depth = 0
    veil(false)
    take(event.dataTransfer)
  })
}
