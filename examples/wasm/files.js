// Files in memory for a WASI program: what page.wasm opens, reads, writes and renames. Nothing else of WASI is there.
export class Files {
  constructor() {
    this.all = new Map();                       // path -> Uint8Array
    this.open = new Map();                      // descriptor -> { path, at, data, size, write }
    this.next = 4;                              // 0 to 2 are the usual, 3 is the root
    this.said = '';
  }

  bind(memory) { this.memory = memory; }
  view() { return new DataView(this.memory.buffer); }
  bytes(at, n) { return new Uint8Array(this.memory.buffer, at, n); }
  path(at, n) { return '/' + new TextDecoder().decode(this.bytes(at, n).slice()).replace(/^\/+/, ''); }

  stat(at, size, kind) {                        // 4: a regular file, 3: a directory
    const v = this.view();
    for (let i = 0; i < 64; i += 8) v.setBigUint64(at + i, 0n, true);
    v.setUint8(at + 16, kind);
    v.setBigUint64(at + 32, BigInt(size), true);
    return 0;
  }

  isFolder(path) {
    const prefix = path === '/' ? '/' : path.replace(/\/?\.?$/, '') + '/';
    for (const name of this.all.keys()) if (name.startsWith(prefix)) return true;
    return false;
  }

  static NOT_THERE = 44;
  static BAD = 8;

  imports() {
    const F = Files, files = this, each = (list, n, run) => {
      const v = files.view();
      let all = 0;
      for (let i = 0; i < n; i++) {
        const size = v.getUint32(list + 8 * i + 4, true), done = run(v.getUint32(list + 8 * i, true), size);
        all += done;
        if (done < size) break;
      }
      return all;
    };
    const wasi = {
      fd_prestat_get(fd, at) {
        if (fd !== 3) return F.BAD;
        files.view().setUint32(at, 0, true);
        files.view().setUint32(at + 4, 1, true);
        return 0;
      },
      fd_prestat_dir_name(fd, at) { files.bytes(at, 1)[0] = 47; return 0; },
      fd_fdstat_get(fd, at) {
        files.bytes(at, 24).fill(0);
        files.view().setUint8(at, fd === 3 ? 3 : fd < 3 ? 2 : 4);
        files.view().setBigUint64(at + 8, 0xffffffffn, true);
        files.view().setBigUint64(at + 16, 0xffffffffn, true);
        return 0;
      },
      fd_fdstat_set_flags() { return 0; },
      path_open(fd, look, at, n, how, rights, inherit, flags, result) {
        const path = files.path(at, n), create = how & 1, truncate = how & 8;
        let data = files.all.get(path);
        if (!data && !create) {
          if (!files.isFolder(path)) return F.NOT_THERE;
          files.open.set(files.next, { path, folder: true, at: 0, data: new Uint8Array(0), size: 0 });
        } else {
          if (!data || truncate) data = new Uint8Array(0);
          files.all.set(path, data);
          files.open.set(files.next, { path, at: 0, data, size: data.length });
        }
        files.view().setUint32(result, files.next++, true);
        return 0;
      },
      fd_close(fd) { files.open.delete(fd); return 0; },
      fd_read(fd, list, n, result) {
        const f = files.open.get(fd);
        if (!f) return F.BAD;
        files.view().setUint32(result, each(list, n, (to, size) => {
          const part = f.data.subarray(f.at, Math.min(f.at + size, f.size));
          files.bytes(to, part.length).set(part);
          f.at += part.length;
          return part.length;
        }), true);
        return 0;
      },
      fd_pread(fd, list, n, from, result) {
        const f = files.open.get(fd), at = f ? f.at : 0;
        if (!f) return F.BAD;
        f.at = Number(from);
        wasi.fd_read(fd, list, n, result);
        f.at = at;
        return 0;
      },
      fd_write(fd, list, n, result) {
        const f = files.open.get(fd);
        if (!f && fd > 2) return F.BAD;
        files.view().setUint32(result, each(list, n, (from, size) => {
          const part = files.bytes(from, size);
          if (!f) files.said += new TextDecoder().decode(part.slice());
          else {
            if (f.at + size > f.data.length) {
              const more = new Uint8Array(2 * (f.at + size));
              more.set(f.data.subarray(0, f.size));
              f.data = more;
            }
            f.data.set(part, f.at);
            f.at += size;
            f.size = Math.max(f.size, f.at);
            files.all.set(f.path, f.data.subarray(0, f.size));
          }
          return size;
        }), true);
        return 0;
      },
      fd_seek(fd, by, whence, result) {
        const f = files.open.get(fd);
        if (!f) return fd < 3 ? 70 : F.BAD;     // 70: cannot be sought
        f.at = Number(by) + (whence === 1 ? f.at : whence === 2 ? f.size : 0);
        files.view().setBigUint64(result, BigInt(f.at), true);
        return 0;
      },
      fd_tell(fd, result) {
        const f = files.open.get(fd);
        if (!f) return F.BAD;
        files.view().setBigUint64(result, BigInt(f.at), true);
        return 0;
      },
      fd_sync() { return 0; },
      fd_filestat_get(fd, at) {
        const f = files.open.get(fd);
        return f ? files.stat(at, f.size, f.folder ? 3 : 4) : fd === 3 ? files.stat(at, 0, 3) : F.BAD;
      },
      path_filestat_get(fd, look, at, n, to) {
        const path = files.path(at, n), data = files.all.get(path);
        return data ? files.stat(to, data.length, 4) : files.isFolder(path) ? files.stat(to, 0, 3) : F.NOT_THERE;
      },
      path_create_directory() { return 0; },
      path_unlink_file(fd, at, n) { return files.all.delete(files.path(at, n)) ? 0 : F.NOT_THERE; },
      path_remove_directory() { return 0; },
      path_rename(fd, at, n, other, to, m) {
        const from = files.path(at, n);
        if (!files.all.has(from)) return F.NOT_THERE;
        files.all.set(files.path(to, m), files.all.get(from));
        files.all.delete(from);
        return 0;
      },
      clock_time_get(id, precision, at) {
        files.view().setBigUint64(at, BigInt(Math.round(performance.now() * 1e6)), true);
        return 0;
      },
      environ_sizes_get(a, b) { files.view().setUint32(a, 0, true); files.view().setUint32(b, 0, true); return 0; },
      environ_get() { return 0; },
      args_sizes_get(a, b) { return wasi.environ_sizes_get(a, b); },
      args_get() { return 0; },
      random_get(at, n) { files.bytes(at, n).fill(7); return 0; },
      sched_yield() { return 0; },
      proc_exit(code) { throw new Error('the program ended with ' + code + ' ' + files.said); },
    };
    return { wasi_snapshot_preview1: new Proxy(wasi, { get: (t, k) => t[k] || (() => 52) }) };   // 52: not there
  }
}

// Threads share the memory, so it is made before the program: as large as its link says (examples/Makefile), with as
// much to grow into as the machine gives.
function sharedMemory() {
  for (let maximum = 65536; ; maximum /= 2) {
    try { return new WebAssembly.Memory({ initial: 128, maximum, shared: true }); }
    catch (e) { if (maximum <= 2048) throw e; }
  }
}

// A worker for each thread beside the first. They wait in the program, and are there before it begins.
function team(run, module, memory, more) {
  const stacks = run.threads_begin(more), size = run.threads_stack();
  if (!stacks) throw new Error('no memory for the threads');
  return Promise.all(Array.from({ length: more }, (_, i) => new Promise((yes, no) => {
    const thread = new Worker(new URL('thread.js', import.meta.url), { type: 'module' });
    thread.onerror = (e) => no(new Error(e.message || 'a thread could not start'));
    thread.onmessage = ({ data }) => {
      if (data.failed) throw new Error('a thread has stopped: ' + data.failed);
      yes();
    };
    thread.postMessage({ module, memory, top: stacks + size * (i + 1) });
  })));
}

// The program with files around it, and its functions as JavaScript has them: text in, text out, errors thrown. A
// module that asks for its memory (page-threads.wasm, page-relaxed.wasm) runs on that many threads.
export async function load(source, threads = 1) {
  const files = new Files(), module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(source);
  const memory = WebAssembly.Module.imports(module).some((i) => i.kind === 'memory') ? sharedMemory() : null;
  const run = (await WebAssembly.instantiate(module, { ...files.imports(), env: { memory } })).exports;
  files.bind(memory || run.memory);
  if (run._initialize) run._initialize();
  if (memory && threads > 1) await team(run, module, memory, threads - 1);
  const text = () => {
    const b = files.bytes(run.page_text(), run.page_room());
    return new TextDecoder().decode(b.slice(0, b.indexOf(0)));
  };
  const say = (s) => {
    const b = new TextEncoder().encode(s).slice(0, run.page_room() - 1), to = files.bytes(run.page_text(), b.length + 1);
    to.set(b);
    to[b.length] = 0;
  };
  const checked = (value) => { if (value < 0) throw new Error(text()); return value; };
  const names = ['epoch', 'epochs', 'step', 'steps', 'loss', 'score', 'best', 'ended', 'trained', 'labels'];
  return {
    files,
    threads: memory ? threads : 1,
    put(path, bytes) { files.all.set(path, bytes); },
    take(path) { return files.all.get(path); },
    open() { checked(run.page_open()); return text(); },
    begin(epochs) { checked(run.page_begin(epochs)); return text(); },
    step() { return checked(run.page_step()) > 0; },
    now() { return Object.fromEntries(names.map((name, i) => [name, run.page_number(i)])); },
    save() { checked(run.page_save()); return files.all.get('/out/page.ladder'); },
    pause() { checked(run.page_pause()); return files.all.get('/state/run'); },
    resume(epochs) { checked(run.page_resume(epochs)); },
    ask(s) {
      say(s);
      checked(run.page_ask());
      return text().trim().split('\n').map((l) => { const [p, label] = l.split('\t'); return { label, p: +p }; });
    },
  };
}
