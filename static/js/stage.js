// The picture page: zoom by click, wheel, pinch and keys, moving a zoomed picture, its original once the small one is too
// coarse, and going through the list one came from.
import { all, during, notify, one, plainKey, say, typing } from "./dom.js"

const MOST = 6
const MOST_PER_PIXEL = 2
const STEP = 1.5

let view = null

const enliven = (root) => {
  const stage = all("[data-stage]", root)[0]
  if (!stage) return
  view = { stage, images: all("[data-zoom]", stage), scale: 1, x: 0, y: 0, pointers: new Map(), moved: false, asked: false, sharp: false }
  stage.addEventListener("wheel", onWheel, { passive: false })
  stage.addEventListener("pointerdown", onDown)
  stage.addEventListener("pointermove", onMove)
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, onUp)
  stage.addEventListener("click", onClick)
  offerNeighbours(stage)
}

const offerNeighbours = (stage) => {
  const list = JSON.parse(sessionStorage.getItem("list") ?? "[]")
  const here = location.pathname.split("/")[2]
  const at = list.indexOf(here)
  for (const link of all("[data-turn]", stage)) {
    const id = at < 0 ? undefined : list[at + Number(link.dataset.turn)]
    link.hidden = !id
    if (id) link.href = `/pictures/${id}/`
  }
}

const zoom = (scale, [x, y] = [0, 0]) => {
  const next = Math.min(farthest(), Math.max(1, scale))
  const factor = next / view.scale
  view.x = x - (x - view.x) * factor
  view.y = y - (y - view.y) * factor
  view.scale = next
  show()
}

// Pixels of the screen for one of the original, as the picture fits the stage.
const fit = () => {
  const [image] = view.images
  const [width, height] = ["width", "height"].map((side) => Number(image.getAttribute(side)))
  return Math.min(image.offsetWidth / width, image.offsetHeight / height) * devicePixelRatio
}

const farthest = () => ("full" in view.stage.dataset ? Math.max(MOST, MOST_PER_PIXEL / fit()) : MOST)

const coarse = () => {
  const [image] = view.images
  return image.naturalWidth < image.getAttribute("width") * Math.min(1, fit() * view.scale)
}

// The small picture stays until the one at full size is there; who goes back to the whole may try again.
const sharpen = async () => {
  const { stage, images, scale } = view
  if (scale === 1) view.asked = view.sharp
  if (scale === 1 || view.asked || !("full" in stage.dataset) || !coarse()) return
  view.asked = true
  const whole = Object.assign(new Image(), { src: stage.dataset.full })
  try {
    await during(say("full"), () => whole.decode())
    images[0].src = whole.src
    view.sharp = true
  } catch {
    notify(say("full_away"), { bad: true })
  }
}

const show = () => {
  const { images, stage, scale } = view
  const [image] = images
  const reach = (side, outer) => Math.max(0, (side * scale - outer) / 2)
  const [right, down] = [reach(image.offsetWidth, stage.clientWidth), reach(image.offsetHeight, stage.clientHeight)]
  view.x = Math.min(right, Math.max(-right, view.x))
  view.y = Math.min(down, Math.max(-down, view.y))
  for (const each of images) each.style.transform = scale === 1 ? "" : `translate(${view.x}px, ${view.y}px) scale(${scale})`
  stage.classList.toggle("zoomed", scale > 1)
  sharpen()
}

// The point under the pointer, from the middle of the stage.
const fromMiddle = (event) => {
  const box = view.stage.getBoundingClientRect()
  return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2]
}

const onWheel = (event) => {
  if (!event.ctrlKey && view.scale === 1) return
  event.preventDefault()
  zoom(view.scale * Math.exp(-event.deltaY / 300), fromMiddle(event))
}

const onDown = (event) => {
  if (event.target.closest("a, button")) return
  view.pointers.set(event.pointerId, event)
  view.moved = false
  if (view.scale > 1) view.stage.setPointerCapture(event.pointerId)
}

const apart = () => {
  const [a, b] = [...view.pointers.values()]
  return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY)
}

const onMove = (event) => {
  const before = view.pointers.get(event.pointerId)
  if (!before) return
  const distance = view.pointers.size === 2 ? apart() : 0
  view.pointers.set(event.pointerId, event)
  if (Math.hypot(event.clientX - before.clientX, event.clientY - before.clientY) > 2) view.moved = true
  if (distance) return zoom((view.scale * apart()) / distance, fromMiddle(event))
  if (view.scale === 1) return
  view.x += event.clientX - before.clientX
  view.y += event.clientY - before.clientY
  show()
}

const onUp = (event) => view.pointers.delete(event.pointerId)

const onClick = (event) => {
  const marks = event.target.closest("[data-marks]")
  if (marks) return mark(marks)
  const button = event.target.closest("[data-scale]")
  if (button) return zoom(button.dataset.scale === "in" ? view.scale * STEP : view.scale / STEP)
  if (event.target.closest("a") || view.moved) return
  zoom(view.scale > 1 ? 1 : 2.5, fromMiddle(event))
}

// Shows or hides where words stand.
const mark = (button) => {
  const drawing = document.getElementById(button.getAttribute("aria-controls"))
  drawing.hidden = !drawing.hidden
  button.setAttribute("aria-pressed", String(!drawing.hidden))
}

const onKey = (event) => {
  if (!view?.stage.isConnected || !plainKey(event) || typing(event.target)) return
  if (event.target.closest("[data-card]")) return
  const turn = { ArrowLeft: "-1", ArrowRight: "1" }[event.key]
  if (turn) {
    const link = one(`[data-turn="${turn}"]:not([hidden])`, view.stage)
    if (link) location.replace(link.href)
  } else if (event.key === "+" || event.key === "=") zoom(view.scale * STEP)
  else if (event.key === "-") zoom(view.scale / STEP)
  else if (event.key === "0") zoom(1)
}

document.addEventListener("keydown", onKey)
document.addEventListener("htmx:load", (event) => enliven(event.detail.elt))
