// The entry of every page: each module attaches itself to the elements it knows, now and after htmx has put new ones in.
import * as asking from "./asking.js"
import * as crop from "./crop.js"
import * as frame from "./frame.js"
import * as grid from "./grid.js"
import * as judging from "./judging.js"
import * as placed from "./placed.js"
import * as scrubber from "./scrubber.js"
import * as search from "./search.js"
import * as selecting from "./selecting.js"
import * as stage from "./stage.js"
import * as stays from "./stays.js"
import * as upload from "./upload.js"
import * as why from "./why.js"
import * as windowed from "./windowed.js"

for (const part of [windowed, frame, asking, placed, scrubber, grid, crop, judging, search, selecting, stage, stays, upload, why]) part.start()

// htmx says so once for the whole body and again for whatever it puts in.
document.addEventListener("htmx:load", (event) => {
  for (const part of [frame, crop, search, stage, upload]) part.enliven(event.detail.elt)
})
