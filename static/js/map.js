// The map of pictures: points on a canvas; a lasso and keys that select, wheel and fingers that zoom, a thumbnail of what is near.
import { all, one, plainKey, say } from "./dom.js"
import { isTaken, take, taken } from "./selecting.js"

const NO_ID = "00000000-0000-0000-0000-000000000000"
const NEAR = 14
const MOVED = 5
const CLOSEST = 60

const field = one("[data-map]")
const canvas = one("canvas", field)
const tip = one(".map-tip", field)
const said = one("[data-map-said]", field)
const pen = canvas.getContext("2d")

// Places are kept between 0 and 1; what is seen of them is `scale` times as large, and begins at `left` and `top`.
let points = []
let view = { scale: 1, left: 0, top: 0 }
let at = null
let lasso = null
const fingers = new Map()

const load = async () => {
  const response = await fetch(field.dataset.map, { headers: { Accept: "application/json" } }).catch(() => null)
  if (!response?.ok) return void (said.textContent = say("broken"))
  const { ids, x, y, group } = await response.json()
  const [left, top] = [Math.min(...x), Math.min(...y)]
  const wide = Math.max(Math.max(...x) - left, 1e-9)
  const high = Math.max(Math.max(...y) - top, 1e-9)
  points = ids.map((id, n) => ({ id, x: (x[n] - left) / wide, y: 1 - (y[n] - top) / high, group: group[n] }))
  at = null
  draw()
}

const size = () => ({ wide: canvas.clientWidth, high: canvas.clientHeight })

const EDGE = 24

const onScreen = (point) => {
  const { wide, high } = size()
  return {
    x: EDGE + (point.x - view.left) * view.scale * (wide - 2 * EDGE),
    y: EDGE + (point.y - view.top) * view.scale * (high - 2 * EDGE),
  }
}

const colours = () => all("[data-hue]").map((hue) => getComputedStyle(hue).backgroundColor)

let asked = false
const draw = () => {
  if (asked) return
  asked = true
  requestAnimationFrame(() => {
    asked = false
    paint()
  })
}

const paint = () => {
  const { wide, high } = size()
  const dense = devicePixelRatio || 1
  if (canvas.width !== Math.round(wide * dense)) canvas.width = Math.round(wide * dense)
  if (canvas.height !== Math.round(high * dense)) canvas.height = Math.round(high * dense)
  pen.setTransform(dense, 0, 0, dense, 0, 0)
  pen.clearRect(0, 0, wide, high)
  const hues = colours()
  const style = getComputedStyle(canvas)
  const radius = points.length > 3000 ? 2.5 : 4
  const some = taken() > 0
  for (const point of points) {
    const { x, y } = onScreen(point)
    if (x < -9 || y < -9 || x > wide + 9 || y > high + 9) continue
    const chosen = isTaken(point.id)
    pen.globalAlpha = some && !chosen ? 0.35 : 0.9
    circle(x, y, chosen ? radius + 1 : radius)
    pen.fillStyle = hues[point.group] ?? style.color
    pen.fill()
    if (chosen) stroke(style.color, 1.5)
  }
  pen.globalAlpha = 1
  if (at) {
    const { x, y } = onScreen(at)
    circle(x, y, radius + 5)
    stroke(style.color, 2)
  }
  if (lasso) outline(style.color)
}

const circle = (x, y, radius) => {
  pen.beginPath()
  pen.arc(x, y, radius, 0, 2 * Math.PI)
}

const stroke = (colour, width) => {
  pen.strokeStyle = colour
  pen.lineWidth = width
  pen.stroke()
}

const outline = (colour) => {
  pen.beginPath()
  for (const { x, y } of lasso) pen.lineTo(x, y)
  pen.closePath()
  pen.globalAlpha = 0.08
  pen.fillStyle = colour
  pen.fill()
  pen.globalAlpha = 1
  stroke(colour, 1.5)
}

const nearest = (spot, within = NEAR) => {
  let [best, least] = [null, within]
  for (const point of points) {
    const { x, y } = onScreen(point)
    const far = Math.hypot(x - spot.x, y - spot.y)
    if (far < least) [best, least] = [point, far]
  }
  return best
}

// The thumbnail stands beside its point, inside the field.
const show = (point, { aloud = false } = {}) => {
  if (point === at) return
  at = point
  draw()
  tip.hidden = !point
  if (!point) return
  const name = one(`[data-group="${point.group}"]`)?.textContent ?? ""
  one("img", tip).src = field.dataset.thumbnail.replace(NO_ID, point.id)
  one("span", tip).textContent = name
  const { x, y } = onScreen(point)
  const { wide, high } = size()
  tip.style.left = `${Math.max(4, x + 160 > wide ? x - 156 : x + 14)}px`
  tip.style.top = `${Math.min(Math.max(4, y - 60), high - 136)}px`
  if (aloud) said.textContent = `${points.indexOf(point) + 1} / ${points.length} · ${name}${isTaken(point.id) ? ` · ${say("selected", { n: 1 })}` : ""}`
}

const select = (chosen, { add = false } = {}) => {
  take(chosen.map((point) => point.id), { add })
  draw()
}

const inside = (spot, path) => {
  let is = false
  for (let n = 0, before = path.length - 1; n < path.length; before = n++) {
    const [a, b] = [path[n], path[before]]
    if (a.y > spot.y !== b.y > spot.y && spot.x < ((b.x - a.x) * (spot.y - a.y)) / (b.y - a.y) + a.x) is = !is
  }
  return is
}

const zoom = (factor, spot) => {
  const { wide, high } = size()
  const scale = Math.min(Math.max(view.scale * factor, 1), CLOSEST)
  const share = { x: (spot.x - EDGE) / (wide - 2 * EDGE), y: (spot.y - EDGE) / (high - 2 * EDGE) }
  view = {
    scale,
    left: kept(view.left + share.x * (1 / view.scale - 1 / scale), scale),
    top: kept(view.top + share.y * (1 / view.scale - 1 / scale), scale),
  }
  show(null)
  draw()
}

const kept = (begin, scale) => Math.min(Math.max(begin, 0), 1 - 1 / scale)

const move = (dx, dy) => {
  const { wide, high } = size()
  view.left = kept(view.left - dx / view.scale / (wide - 2 * EDGE), view.scale)
  view.top = kept(view.top - dy / view.scale / (high - 2 * EDGE), view.scale)
  draw()
}

const middle = () => ({ x: size().wide / 2, y: size().high / 2 })

const spotOf = (event) => {
  const box = canvas.getBoundingClientRect()
  return { x: event.clientX - box.left, y: event.clientY - box.top }
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault()
  zoom(Math.exp(-event.deltaY / 400), spotOf(event))
}, { passive: false })

canvas.addEventListener("pointerdown", (event) => {
  if (event.button) return
  canvas.setPointerCapture(event.pointerId)
  fingers.set(event.pointerId, spotOf(event))
  lasso = fingers.size === 1 && !event.altKey ? [spotOf(event)] : null
  draw()
})

canvas.addEventListener("pointermove", (event) => {
  const spot = spotOf(event)
  const before = fingers.get(event.pointerId)
  if (!before) return show(nearest(spot))
  if (fingers.size === 2) pinch(event.pointerId, before, spot)
  else if (lasso) lasso.push(spot)
  else if (fingers.size === 1) move(spot.x - before.x, spot.y - before.y)
  fingers.set(event.pointerId, spot)
  draw()
})

// Two fingers: what lies between them stays between them.
const pinch = (id, before, spot) => {
  const other = [...fingers].find(([key]) => key !== id)[1]
  const far = (one) => Math.max(Math.hypot(one.x - other.x, one.y - other.y), 1)
  zoom(far(spot) / far(before), { x: (spot.x + other.x) / 2, y: (spot.y + other.y) / 2 })
  move((spot.x - before.x) / 2, (spot.y - before.y) / 2)
}

canvas.addEventListener("pointerup", (event) => {
  const path = lasso
  fingers.delete(event.pointerId)
  lasso = null
  draw()
  if (!path) return
  const far = path.some((spot) => Math.hypot(spot.x - path[0].x, spot.y - path[0].y) > MOVED)
  if (far) return select(points.filter((point) => inside(onScreen(point), path)), { add: event.shiftKey })
  const point = nearest(path[0], event.pointerType === "touch" ? 2 * NEAR : NEAR)
  if (!point) return event.shiftKey || select([])
  if (event.pointerType === "touch" && point !== at) return show(point, { aloud: true })
  if (taken() || event.shiftKey) select([point], { add: "turn" })
  else open(point)
})

canvas.addEventListener("pointercancel", (event) => {
  fingers.delete(event.pointerId)
  lasso = null
  draw()
})

canvas.addEventListener("pointerleave", () => show(null))
canvas.addEventListener("blur", () => show(null))

const open = (point) => location.assign(field.dataset.picture.replace(NO_ID, point.id))

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

// The next picture that way: near, and not far to the side.
const next = ([dx, dy]) => {
  if (!at) return nearest(middle(), Infinity)
  const from = onScreen(at)
  let [best, least] = [at, Infinity]
  for (const point of points) {
    const { x, y } = onScreen(point)
    const [along, aside] = [(x - from.x) * dx + (y - from.y) * dy, Math.abs((x - from.x) * dy - (y - from.y) * dx)]
    if (point !== at && along > 0.5 && aside <= 2 * along && along + 2 * aside < least) [best, least] = [point, along + 2 * aside]
  }
  return best
}

canvas.addEventListener("keydown", (event) => {
  if (!plainKey(event)) return
  if (WAYS[event.key]) show(next(WAYS[event.key]), { aloud: true })
  else if (event.key === "+" || event.key === "=") zoom(1.5, at ? onScreen(at) : middle())
  else if (event.key === "-") zoom(1 / 1.5, at ? onScreen(at) : middle())
  else if (event.key === "0") zoom(0, middle())
  else if (event.key === "Enter" && at) open(at)
  else if ((event.key === "x" || event.key === " ") && at) select([at], { add: "turn" })
  else return
  event.preventDefault()
  event.stopPropagation()
})

document.addEventListener("click", (event) => {
  const factor = event.target.closest("[data-zoom]")?.dataset.zoom
  if (factor) zoom(Number(factor), middle())
  const group = event.target.closest("[data-group]")?.dataset.group
  if (group) select(points.filter((point) => point.group === Number(group)), { add: event.shiftKey })
})

document.addEventListener("selected", draw)
document.addEventListener("acted", load)
new ResizeObserver(draw).observe(canvas)
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] })
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw)
load()
