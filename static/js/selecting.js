// Selecting many pictures of a grid: by click, shift, keys, a drawn frame or a long press; and what is done to them.
import { all, counted, during, notify, one, plainKey, post, say, typing } from "./dom.js"
import { current, idOf, on, rankOf } from "./long.js"

const LONG = 450
const AT_ONCE = 200
const MOST_LOADED = 1000
const MOVED = 6
const NO_ID = "00000000-0000-0000-0000-000000000000"

let last = null
let pressed = false
let acting = false

// Of a long grid: the chosen ones that are not in the page, with their tags; whether everything is, and but for which.
const away = new Map()
const but = new Set()
let everything = false

export const start = () => {
  document.addEventListener("change", (event) => event.target.matches("[data-pick]") && picked(event.target))
  document.addEventListener("click", onClick, true)
  document.addEventListener("keydown", onKey)
  document.addEventListener("pointerdown", onDown)
  document.addEventListener("contextmenu", (event) => pressed && event.preventDefault())
  document.addEventListener("submit", onSubmit)
  document.addEventListener("htmx:afterSwap", () => bar() && show())
  on("came", came)
  on("left", left)
}

const bar = () => one("[data-selection]")

const picks = () => all("[data-pick]")

const chosen = () => picks().filter((pick) => pick.checked)

const many = () => (everything ? total() - but.size : chosen().length + away.size)

const total = () => Number(current()?.blocks.total ?? bar().dataset.total ?? 0)

const came = (card) => {
  const pick = pickOf(card)
  if (!pick) return
  pick.checked = everything ? !but.has(pick.value) : away.has(pick.value)
  away.delete(pick.value)
}

const left = (card) => !everything && pickOf(card)?.checked && takeAlong(card)

const takeAlong = (card) => away.set(idOf(card), tagsOf(card))

const tagsOf = (card) => one("[data-card]", card).dataset.tags

const pickOf = (element) => element?.closest(".card")?.querySelector("[data-pick]")

const selecting = () => bar()?.classList.contains("on")

// From elsewhere than a grid, as from a map: these pictures, beside those that were chosen so before, or turned round.
export const take = (ids, { add = false } = {}) => {
  if (!add) away.clear()
  for (const id of ids) {
    if (add === "turn" && away.has(id)) away.delete(id)
    else away.set(id, "")
  }
  show()
}

export const isTaken = (id) => away.has(id)

export const taken = () => away.size

const choose = (pick, is = true) => {
  pick.checked = is
  if (everything) but[is ? "delete" : "add"](pick.value)
}

// Shift takes everything from the one before to this one.
const picked = async (pick, { range = false } = {}) => {
  choose(pick, pick.checked)
  const from = last
  last = pick
  if (range && from) await pickRange(from, pick)
  show()
}

const pickRange = async (from, to) => {
  const grid = current()
  if (!grid) {
    const list = picks()
    const [first, end] = [list.indexOf(from), list.indexOf(to)].sort((a, b) => a - b)
    if (first >= 0) list.slice(first, end + 1).forEach((each) => choose(each))
    return
  }
  const [low, high] = [from, to].map((each) => rankOf(each.closest(".card"))).sort((a, b) => a - b)
  if (high - low >= MOST_LOADED) return notify(say("too_many", { n: counted(MOST_LOADED) }), { bad: true })
  const wanted = high - low + 1
  const text = say("loading", { n: counted(wanted) })
  const cards = await during(text, (tell) => grid.range(low, high, (done) => tell(done, wanted)))
  if (!cards) return notify(say("broken"), { bad: true })
  for (const card of cards) {
    const shown = one(`[data-pick][value="${idOf(card)}"]`)
    if (shown) choose(shown)
    else if (everything) but.delete(idOf(card))
    else takeAlong(card)
  }
}

const toggle = (pick, options) => {
  pick.checked = !pick.checked
  picked(pick, options)
}

const clear = () => {
  for (const pick of chosen()) pick.checked = false
  everything = false
  away.clear()
  but.clear()
  last = null
  show()
}

const show = () => {
  const count = many()
  const field = one("[data-everything]", bar())
  if (field) field.value = everything ? "on" : ""
  bar().classList.toggle("on", count > 0)
  document.body.classList.toggle("selecting", count > 0)
  one("[data-count]", bar()).textContent = say("selected", { n: counted(count) })
  const more = one("[data-select-all]", bar())
  more.hidden = allOf() <= count
  more.textContent = say("select_all", { n: counted(allOf()) })
  offerTwo([...chosen().map((pick) => pick.value), ...away.keys()], count)
  carried([...chosen().map((pick) => tagsOf(pick.closest(".card"))), ...away.values()])
  document.dispatchEvent(new Event("selected"))
}

// Two pictures are compared on the page that a score opens, too.
const offerTwo = ([query, result, ...others], count) => {
  const link = one("[data-two]", bar())
  if (!link) return
  link.hidden = count !== 2 || !result || others.length > 0
  if (!link.hidden) link.href = `${link.dataset.two.replace(NO_ID, result)}?image=${query}`
}

// The tags that the selected ones have, with how many have them; a click takes one off.
const carried = (each) => {
  const place = one("[data-carried]", bar())
  if (!place) return
  const counts = new Map()
  for (const tags of each) {
    for (const tag of tags ? tags.split(",") : []) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  }
  const names = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 12)
  place.replaceChildren(...names.map(([tag, count]) => carriedTag(tag, count)))
}

const carriedTag = (tag, count) => {
  const item = document.createElement("li")
  const button = Object.assign(document.createElement("button"), { type: "button", className: "badge", textContent: `${tag} ${count} ×` })
  button.addEventListener("click", () => {
    one("[name=tags]", bar()).value = tag
    one("[value=untag]", bar()).click()
  })
  item.append(button)
  return item
}

// How many "all" are: of a collection, of a search that is not too long, else what is loaded.
const allOf = () => {
  if (bar().dataset.total) return total()
  const found = Number(one("#line")?.dataset.total ?? 0)
  return one(".more [hx-vals]") && found <= MOST_LOADED ? found : picks().length
}

// The rest of a search comes into the grid before it is selected.
const loadRest = async () => {
  for (let more = one(".more [hx-vals]"); more && picks().length < MOST_LOADED; more = one(".more [hx-vals]")) {
    const values = { ...JSON.parse(more.getAttribute("hx-vals")), k: AT_ONCE }
    const before = picks().length
    await htmx.ajax("POST", "/", { source: more, target: more.closest(".more"), swap: "outerHTML", values })
    if (picks().length === before) return
  }
}

const selectAll = async () => {
  if (allOf() > picks().length) await loadRest()
  for (const pick of picks()) pick.checked = true
  away.clear()
  but.clear()
  everything = Boolean(one("[data-everything]", bar())) && total() > chosen().length
  show()
}

const onClick = (event) => {
  const find = (selector) => event.target.closest(selector)
  if (!bar()) return
  if (find("[data-select-all]")) return selectAll()
  if (find("[data-select-none]")) return clear()
  const pick = find("[data-pick]")
  if (pick && event.shiftKey) return void setTimeout(() => picked(pick, { range: true }))
  const link = find("[data-card]")
  const wanted = link && pickOf(link)
  if (!wanted || event.ctrlKey || event.metaKey || event.button) return
  if (!selecting() && !event.shiftKey && !pressed) return
  event.preventDefault()
  event.stopPropagation()
  if (!pressed) toggle(wanted, { range: event.shiftKey })
  pressed = false
}

const onKey = (event) => {
  if (!bar() || one("dialog[open]") || typing(event.target)) return enter(event)
  if (event.key === "a" && (event.ctrlKey || event.metaKey) && picks().length) selectAll()
  else if (!plainKey(event)) return
  else if (event.key === "Escape" && selecting()) leave()
  else if ((event.key === "x" || event.key === " ") && event.target.matches("[data-card]") && pickOf(event.target)) {
    toggle(pickOf(event.target), { range: event.shiftKey })
  } else return
  event.preventDefault()
}

const enter = (event) => {
  const pop = event.target.closest?.(".pop")
  if (!pop || !bar()) return
  if (event.key === "Escape") pop.closest("details").open = false
  else if (event.key === "Enter") one("button[type=submit]", pop).click()
  else return
  event.preventDefault()
}

const leave = () => {
  const open = one("details[open]", bar())
  if (open) open.open = false
  else clear()
}

const onDown = (event) => {
  if (!bar() || event.button) return
  if (event.pointerType === "touch") return press(event)
  if (event.target.matches("main, [data-stays], [data-grid]") && picks().length) frame(event)
}

const press = (event) => {
  pressed = false
  const pick = pickOf(event.target)
  if (!pick) return
  const timer = setTimeout(() => {
    pressed = true
    toggle(pick)
  }, LONG)
  const stop = (next) => {
    if (next.type === "pointermove" && Math.hypot(next.clientX - event.clientX, next.clientY - event.clientY) < MOVED) return
    clearTimeout(timer)
    for (const name of ENDS) removeEventListener(name, stop)
  }
  for (const name of ENDS) addEventListener(name, stop)
}

const ENDS = ["pointermove", "pointerup", "pointercancel"]

// A frame drawn from between the pictures selects what it touches, beside what was selected before.
const frame = (event) => {
  const from = { x: event.pageX, y: event.pageY }
  const before = new Set(chosen())
  const box = Object.assign(document.createElement("div"), { className: "lasso" })
  const draw = (next) => {
    if (!box.isConnected && Math.hypot(next.pageX - from.x, next.pageY - from.y) < MOVED) return
    document.body.append(box)
    getSelection().removeAllRanges()
    const [left, right] = [from.x, next.pageX].sort((a, b) => a - b)
    const [top, bottom] = [from.y, next.pageY].sort((a, b) => a - b)
    Object.assign(box.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` })
    const drawn = box.getBoundingClientRect()
    for (const pick of picks()) choose(pick, before.has(pick) || touches(pick.closest(".card").getBoundingClientRect(), drawn))
    show()
  }
  const end = () => {
    removeEventListener("pointermove", draw)
    box.remove()
  }
  addEventListener("pointermove", draw)
  addEventListener("pointerup", end, { once: true })
}

const touches = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom

const onSubmit = async (event) => {
  if (event.target !== bar()) return
  event.preventDefault()
  const body = new FormData(bar(), event.submitter)
  body.set("id", everything ? "" : [...body.getAll("id"), ...away.keys()].join(","))
  if (everything) body.set("but", [...but].join(","))
  if (event.submitter?.hasAttribute("formaction")) return send(event.submitter.formAction, body)
  const act = event.submitter?.value
  const cards = chosen().map((pick) => pick.closest(".card"))
  if (acting) return // pressed twice, where the first answer takes its time: its undo would be lost
  acting = true
  const answer = await during(say("working", { n: counted(many()) }), () => post(bar().action, body))
  acting = false
  if (!answer) return
  const refused = new Set(answer.refused)
  const gone = ["delete", "restore", "remove"].includes(act) || (act === "move" && bar().dataset.total) ? cards : []
  const hidden = gone.filter((card) => !refused.has(idOf(card)))
  for (const card of hidden) card.hidden = true
  if (act === "tag" || act === "untag") retag(cards, { act, tags: body.get("tags"), refused })
  for (const open of all("details[open]", bar())) open.open = false
  for (const field of all("[type=text]", bar())) field.value = ""
  clear()
  document.dispatchEvent(new Event("acted"))
  current()?.renew()
  one("#main").focus({ preventScroll: true })
  told(answer, hidden)
}

// Sent as a form, as the browser itself writes down what comes; all ids in one field, of which there may be thousands.
const send = (url, body) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: url, hidden: true })
  for (const [name, value] of body) form.append(Object.assign(document.createElement("input"), { name, value }))
  document.body.append(form)
  form.submit()
  form.remove()
}

const retag = (cards, { act, tags, refused }) => {
  const named = tags.split(",").map((tag) => tag.trim()).filter(Boolean)
  for (const link of cards.map((card) => one("[data-card]", card))) {
    if (refused.has(link.dataset.card)) continue
    const others = link.dataset.tags.split(",").filter((tag) => tag && !named.includes(tag))
    link.dataset.tags = (act === "tag" ? [...others, ...named] : others).join(",")
  }
}

// Undo stands in the notice; what was taken out of the grid comes back with it.
const told = ({ message, undo }, hidden) => {
  const line = notify(message, { keep: Boolean(undo) })
  if (!undo) return
  const button = Object.assign(document.createElement("button"), { type: "button", className: "link", textContent: say("undo") })
  button.addEventListener("click", async () => {
    const taken = () => post(bar().dataset.undo.replace(NO_ID, undo), new FormData())
    const answer = await during(say("undoing"), taken)
    if (!answer) return
    document.dispatchEvent(new Event("acted"))
    for (const card of hidden) card.hidden = false
    current()?.renew()
    notify(answer.message)
  })
  line.append(button)
}
