// Node loads this module before it runs the jsii kernel; the package comment of kernel says why.
import fs from "node:fs";
import Module from "node:module";
import path from "node:path";
import stream from "node:stream";

Reflect.set(process, "noDeprecation", true); // jsii calls util.isArray; an option of the user's goes before

// The edits of four files, by the ends of their paths. A file whose edit fails is compiled as it is.
const edits = {
	"/@cdktf/provider-aws/lib/index.js": lazyIndex,
	"/lib/program.js": lazyProgram,
	"/bin/jsii-runtime.js": oneProcess,
	// archiver, a quarter of what loading cdktf costs, is loaded only where an asset is zipped.
	"/cdktf/lib/private/fs.js": (content) => replace(content, {
		'const archiver = require("archiver");': 'const archiver = (...options) => require("archiver")(...options);',
	}),
};

const compile = Module.prototype._compile;
Module.prototype._compile = function (content, file, ...others) {
	const end = Object.keys(edits).find((end) => file.endsWith(end));
	try {
		content = edits[end]?.(content, file) ?? content;
	} catch {}
	return compile.call(this, content, file, ...others);
};

// replace replaces each text in a source, which must contain it exactly once.
function replace(source, replacements) {
	for (const [text, replacement] of Object.entries(replacements)) {
		const parts = source.split(text);
		if (parts.length !== 2) {
			throw new Error(`found ${parts.length - 1} times: ${text}`);
		}
		source = parts.join(replacement);
	}
	return source;
}

// lazyIndex turns `exports.x = require("./x");` into a getter that requires ./x when it is first read.
function lazyIndex(content) {
	return content.replace(/^exports\.(\w+) = (require\("\.\/[\w-]+"\));$/gm, 'lazily("$1", () => $2);') + `
		function lazily(name, load) {
			const define = (how) => Object.defineProperty(exports, name, { configurable: true, enumerable: true, ...how });
			define({ get() { const value = load(); define({ value, writable: true }); return value; } });
		}`;
}

// lazyProgram lets the kernel load assemblies with the function below. It no longer counts their types, which would
// read all of them: one number goes to a debugging message, one to the Go program, which does not look at it. It
// composes the message of an assertion only if that fails, not for every value that passes between program and kernel.
function lazyProgram(content) {
	const assertion =
		"assert(typeRef != null, `Kernel error: expected type information, got ${(0, util_1.inspect)(typeRef)}`);";
	return replace(content, {
		"return loadAssemblyFromFile(assemblyFile, validate);":
			'return globalThis[Symbol.for("tap.kernel")](assemblyFile, validate, loadAssemblyFromFile);',
		"Object.keys((_b = assm.metadata.types) !== null && _b !== void 0 ? _b : {}).length": "undefined",
		"Object.keys((_c = assmSpec.types) !== null && _c !== void 0 ? _c : {}).length": "undefined",
		[assertion]: `if (typeRef == null) ${assertion}`,
	});
}

// What the kernel's own function (stock) returns, but the provider's types are parsed when they are first looked up.
// Whatever is wrong with the file, the kernel's own function reports it.
globalThis[Symbol.for("tap.kernel")] = (file, validate, stock) => {
	if (!validate && file.endsWith("/@cdktf/provider-aws/.jsii")) {
		try {
			return lazyAssembly(file, () => stock(file, validate).types);
		} catch {}
	}
	return stock(file, validate);
};

// lazyAssembly reads a .jsii file as jsii writes it: JSON indented by two spaces, keys sorted. Line feeds are escaped
// inside JSON strings, so that one followed by four spaces and a quote can only be the start of a type.
function lazyAssembly(file, parseTypes) {
	const blockSize = 8192;
	const descriptor = fs.openSync(file, "r");
	const { size } = fs.fstatSync(descriptor);
	const read = (offset, length) => {
		const buffer = Buffer.allocUnsafe(length);
		return buffer.subarray(0, fs.readSync(descriptor, buffer, 0, length, offset));
	};

	// All but the types is at the file's start, some 1 MB, and at its end; of another layout these are no JSON.
	const [opening, closing] = ['\n  "types": {', "\n    }\n  },"];
	const [head, tail] = [read(0, 256 * blockSize), read(size - blockSize, blockSize)];
	const [open, close] = [head.indexOf(opening), tail.indexOf(closing)];
	const metadata = JSON.parse(head.toString("utf8", 0, open) + tail.toString("utf8", close + closing.length));

	// between returns the first text after the offset from one text to another, without that.
	const between = (offset, begin, end) => {
		for (let length = blockSize; ; length *= 4) {
			const block = read(offset, length);
			const from = block.indexOf(begin);
			const to = from < 0 ? -1 : block.indexOf(end, from + begin.length);
			if (to >= 0 || offset + length >= size) {
				return to < 0 ? undefined : block.toString("utf8", from, to);
			}
		}
	};

	// find parses a type alone. It returns undefined if bisection does not come upon the name.
	const begin = '\n    "';
	const find = (name) => {
		let [low, high] = [open + opening.length, size]; // the type begins between them
		while (high - low > blockSize) {
			const middle = Math.floor((low + high) / 2);
			if (between(middle, begin, '": {\n')?.slice(begin.length) <= name) {
				low = middle;
			} else {
				high = middle;
			}
		}
		const type = between(low, `${begin}${name}": {\n`, "\n    }");
		return type && JSON.parse(`{${type}}}`)[name];
	};

	// Whatever else is asked of the types, and a name that is not found, is answered from all of them.
	let all;
	const complete = () => (all ??= parseTypes());
	const found = { __proto__: null };
	const types = new Proxy(found, {
		get: (target, name) => {
			try {
				found[name] ??= find(String(name));
			} catch {}
			return (found[name] ??= complete()[name]);
		},
		has: (target, name) => name in complete(),
		ownKeys: () => Reflect.ownKeys(complete()),
		getOwnPropertyDescriptor: (target, name) => Object.getOwnPropertyDescriptor(complete(), name),
	});
	return { ...metadata, types };
}

// oneProcess returns the program for the place of bin/jsii-runtime.js, which would start a process for it and carry
// every request, answer and line of output between that and the Go program.
function oneProcess(content, file) {
	replace(content, { 'stdio: [ "ignore", "pipe", "pipe", "pipe" ]': "" }); // or it is not what it was
	const program = fs.readFileSync(path.join(path.dirname(file), "../lib/program.js"), "utf8");
	const edited = replace(lazyProgram(program), { "readFD: 3,": "readFD: 0,", "writeFD: 3": "writeFD: 1" });

	// The constructs' code gets what it has in the stock kernel's second process: no input, and output that travels as
	// JSON lines on standard error, because 0 and 1 carry the requests.
	const output = (name) =>
		new stream.Writable({
			write(chunk, encoding, done) {
				fs.writeFileSync(2, JSON.stringify({ [name]: chunk.toString("base64") }) + "\n");
				done();
			},
		});
	const streams = { stdin: stream.Readable.from([]), stdout: output("stdout"), stderr: output("stderr") };
	for (const [name, value] of Object.entries(streams)) {
		Object.defineProperty(process, name, { configurable: true, enumerable: true, value });
	}
	process.execArgv.push("--preserve-symlinks");
	process.env.NODE_OPTIONS = process.env.NODE_OPTIONS.replace(/ --preserve-symlinks --import \S+$/, "");
	return edited;
}
