import { expect, it } from 'vitest'
import { OrderText } from '../../../src/vfs/order-text.js'

const text = (): OrderText =>
  new OrderText({ sizeBytes: 6, load: () => Promise.resolve(Buffer.from('public')) }, false)
const said = async (order: OrderText): Promise<string> => (await order.take()).toString()

it('has what was there before but for what was written', async () => {
  const order = text()
  expect(order.sizeBytes).toBe(6)
  await order.write(0, Buffer.from('P'))
  await order.write(6, Buffer.from('!'))
  expect(order.sizeBytes).toBe(7)
  expect(await said(order)).toBe('Public!')
})

it('has all of what was written at the same time', async () => {
  const order = text()
  await order.truncate(0)
  await Promise.all([
    order.write(4, Buffer.from('cd')),
    order.write(0, Buffer.from('ab')),
    order.write(2, Buffer.from('--')),
  ])
  expect(await said(order)).toBe('ab--cd')
})

it('stays cut when it is cut while it is loaded', async () => {
  let loaded: (bytes: Buffer) => void = () => {}
  const load = (): Promise<Buffer> => new Promise((resolve) => (loaded = resolve))
  const order = new OrderText({ sizeBytes: 6, load }, false)
  const read = order.read(0, 10)
  await order.truncate(0)
  loaded(Buffer.from('public'))
  expect((await read).length).toBe(0)
  await order.write(0, Buffer.from('private'))
  expect(await said(order)).toBe('private')
})

it('is to be given only when something was written', async () => {
  const order = text()
  await order.truncate(0)
  expect(order.isPending).toBe(false)
  await order.write(0, Buffer.from('x'))
  expect(order.isPending).toBe(true)
  await order.take()
  expect(order.isPending).toBe(false)
})
