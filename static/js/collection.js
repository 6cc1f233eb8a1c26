// A collection's page: its long grid, the place in it, and the rail beside it; it runs before what every page has.
import * as placed from "./placed.js"
import * as scrubber from "./scrubber.js"
import * as windowed from "./windowed.js"

for (const part of [windowed, placed, scrubber]) part.start()
