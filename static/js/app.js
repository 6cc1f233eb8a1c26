// The entry of every page: each module attaches itself to the elements it knows, now and after htmx has put new ones in.
// What a single page needs is a script of that page.
import * as crop from "./crop.js"
import * as frame from "./frame.js"
import * as grid from "./grid.js"
import * as search from "./search.js"
import * as selecting from "./selecting.js"
import * as stays from "./stays.js"
import * as why from "./why.js"

for (const part of [frame, grid, crop, search, selecting, stays, why]) part.start()

// htmx says so once for the whole body and again for whatever it puts in.
document.addEventListener("htmx:load", (event) => {
  for (const part of [frame, crop, search]) part.enliven(event.detail.elt)
})
