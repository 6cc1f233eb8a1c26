// The entry of every page: each module attaches itself to the elements it knows, now and after htmx has put new ones in.
import * as crop from "./crop.js"
import * as frame from "./frame.js"
import * as grid from "./grid.js"
import * as search from "./search.js"
import * as stage from "./stage.js"
import * as upload from "./upload.js"

for (const part of [frame, grid, crop, search, stage, upload]) part.start()

const enliven = (root) => {
  for (const part of [frame, crop, search, stage, upload]) part.enliven?.(root)
}
enliven(document)
document.addEventListener("htmx:load", (event) => enliven(event.detail.elt))
