// What pages showed, kept in this browser by history entry for some hours, or until one signs out; the server keeps nothing.
const NAME = "imagesearch"
const STORE = "shown"
const MOST = 40
const HOURS = 12 * 3600 * 1000

let opened

const open = () =>
  (opened ??= new Promise((done, fail) => {
    const request = indexedDB.open(NAME, 1)
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "entry" }).createIndex("at", "at")
    request.onsuccess = () => done(request.result)
    request.onerror = () => fail(request.error)
  }))

const ask = async (mode, question) => {
  const store = (await open()).transaction(STORE, mode).objectStore(STORE)
  return new Promise((done, fail) => {
    const request = question(store)
    request.onsuccess = () => done(request.result)
    request.onerror = () => fail(request.error)
  })
}

export const keep = (record) => ask("readwrite", (store) => store.put({ ...record, at: Date.now() }))

export const find = (entry) => ask("readonly", (store) => store.get(entry))

export const forgetAll = () => ask("readwrite", (store) => store.clear())

// Beyond some hours, and beyond the newest few, nothing stays.
export const forgetOld = async () => {
  const keys = (range) => ask("readonly", (store) => store.index("at").getAllKeys(range))
  const old = await keys(IDBKeyRange.upperBound(Date.now() - HOURS))
  const all = await keys()
  for (const entry of new Set([...old, ...all.slice(0, -MOST)])) await ask("readwrite", (store) => store.delete(entry))
}
