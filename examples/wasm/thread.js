// A thread: the same program in the same memory, on a stack of its own. It stays in thread_wait for good.
import { Files } from './files.js';

onmessage = async ({ data: { module, memory, top } }) => {
  const run = (await WebAssembly.instantiate(module, { ...new Files().imports(), env: { memory } })).exports;
  run.__stack_pointer.value = top;
  postMessage({});
  try {
    run.thread_wait();
  } catch (e) {
    run.thread_failed();
    postMessage({ failed: e.message });
  }
};
