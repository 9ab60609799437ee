// Node loads this script before it runs the jsii kernel; the package comment of kernel says why.
//
// Two files of the kernel and two of the packages it loads are edited in memory, as Node compiles
// them. Every edit names the exact text it replaces: where that text is not there exactly once, the
// file is compiled as it is.
"use strict";

const fs = require("fs");
const Module = require("module");
const path = require("path");
const stream = require("stream");

const hook = 'globalThis[Symbol.for("tap.kernel")]';

// isFile tells whether a path ends in the given components.
function isFile(file, ...components) {
	return file.endsWith(path.join(path.sep, ...components));
}

// edit applies [text, replacement] pairs. The answer is undefined unless each text is there exactly once.
function edit(source, edits) {
	for (const [text, replacement] of edits) {
		const at = source.indexOf(text);
		if (at < 0 || source.indexOf(text, at + 1) >= 0) {
			return undefined;
		}
		source = source.slice(0, at) + replacement + source.slice(at + text.length);
	}
	return source;
}

// rewrite answers what Node is to compile instead of a file's content; undefined leaves it as it is.
function rewrite(content, file) {
	if (isFile(file, "@cdktf", "provider-aws", "lib", "index.js")) {
		return lazyIndex(content);
	}
	if (isFile(file, "cdktf", "lib", "private", "fs.js")) {
		return lazyArchiver(content);
	}
	if (isFile(file, "lib", "program.js")) {
		return editProgram(content);
	}
	if (isFile(file, "bin", "jsii-runtime.js")) {
		return oneProcess(content, path.resolve(path.dirname(file), "..", "lib", "program.js"));
	}
	return undefined;
}

// --- The provider's index ---

const lazyExport = /^exports\.(\w+) = require\("(\.\/[\w-]+)"\);$/;
const inertLine =
	/^(?:"use strict";|Object\.defineProperty\(exports, "__esModule", \{ value: true \}\);|(?:exports\.\w+ = )+void 0;|\/\*\*| \*.*|\/\/.*|)$/;

// lazyIndex turns `exports.x = require("./x");` into a getter that requires ./x when it is first read.
// An index that holds any other statement is left alone.
function lazyIndex(content) {
	const lines = content.split("\n");
	for (let i = 0; i < lines.length; i++) {
		const match = lazyExport.exec(lines[i]);
		if (match) {
			lines[i] = `defineLazily("${match[1]}", () => require("${match[2]}"));`;
		} else if (!inertLine.test(lines[i])) {
			return undefined;
		}
	}
	lines.push(
		"function defineLazily(name, load) {",
		"	const define = (how) => Object.defineProperty(exports, name, { configurable: true, enumerable: true, ...how });",
		"	define({ get() { const value = load(); define({ value, writable: true }); return value; } });",
		"}",
	);
	return lines.join("\n");
}

// --- The zip library of cdktf ---

// lazyArchiver requires archiver, a quarter of what loading cdktf costs, only where an asset is zipped.
function lazyArchiver(content) {
	const edited = edit(content, [
		['const archiver = require("archiver");', ""],
		['archiver("zip", {', 'require("archiver")("zip", {'],
	]);
	const others = edited === undefined || /(?<!")\barchiver\b/.test(edited);
	return others ? undefined : edited;
}

// --- The assembly's types ---

const lazyAssembly = [
	[
		"return loadAssemblyFromFile(assemblyFile, validate);",
		`return ${hook}.loadAssembly(assemblyFile, validate, loadAssemblyFromFile);`,
	],
	[
		"Object.keys((_b = assm.metadata.types) !== null && _b !== void 0 ? _b : {}).length",
		`${hook}.countTypes(assm.metadata.types)`,
	],
	[
		"Object.keys((_c = assmSpec.types) !== null && _c !== void 0 ? _c : {}).length",
		`${hook}.countTypes(assmSpec.types)`,
	],
];

// quietAssertion composes the message of an assertion only if it fails, not for every value that passes
// between the program and the kernel.
const assertion =
	"assert(typeRef != null, `Kernel error: expected type information, got ${(0, util_1.inspect)(typeRef)}`);";
const quietAssertion = [[assertion, `if (typeRef == null) ${assertion}`]];

// editProgram applies what lib/program.js allows of both.
function editProgram(source) {
	const lazy = edit(source, lazyAssembly) || source;
	return edit(lazy, quietAssertion) || lazy;
}

const lazyTypes = new WeakSet();

// countTypes is how many types an assembly has, for the answer to a load request. Of lazy types it is
// not known; the Go runtime does not look at it.
function countTypes(types) {
	return lazyTypes.has(types) ? undefined : Object.keys(types || {}).length;
}

// loadAssembly stands in for the kernel's own function (stock). It answers the same assembly, with types
// that are parsed when they are first looked up.
function loadAssembly(file, validate, stock) {
	if (!validate && isFile(file, "@cdktf", "provider-aws", ".jsii")) {
		try {
			const assembly = new AssemblyFile(file);
			const types = assembly.types(() => stock(file, validate).types);
			lazyTypes.add(types);
			return { ...assembly.metadata, types };
		} catch (error) {
			// Whatever is wrong with the file, the kernel's own function has the right answer to it.
		}
	}
	return stock(file, validate);
}

const blockSize = 8192;

// AssemblyFile reads a .jsii file as jsii writes it: JSON indented by two spaces, keys sorted. Line
// feeds are escaped inside JSON strings, so that one followed by four spaces and a quote can only be
// the start of a type, and the sorted order finds it by bisection.
class AssemblyFile {
	constructor(file) {
		this.descriptor = fs.openSync(file, "r");
		this.probes = new Map();
		const size = fs.fstatSync(this.descriptor).size;
		const types = '\n  "types": {';
		let head = Buffer.alloc(0);
		let open = -1;
		while (open < 0 && head.length < size) {
			head = this.read(0, Math.max(2 * head.length, 256 * blockSize));
			open = head.indexOf(types + "\n");
		}
		const tail = this.read(Math.max(0, size - blockSize), blockSize);
		const close = tail.indexOf("\n    }\n  },\n");
		if (open < 0 || close < 0) {
			throw new Error(`${file} is not laid out as expected`);
		}
		// The types lie in [start, end): each begins at a line feed, and the last ends before end.
		this.start = open + types.length;
		this.end = Math.max(0, size - blockSize) + close + "\n    }".length;
		this.metadata = JSON.parse(head.toString("utf8", 0, open) + tail.toString("utf8", close + "\n    }\n  },".length));
	}

	// read answers the bytes of the file from offset on, fewer at its end.
	read(offset, length) {
		const buffer = Buffer.allocUnsafe(length);
		let filled = 0;
		while (filled < length) {
			const count = fs.readSync(this.descriptor, buffer, filled, length - filled, offset + filled);
			if (count === 0) {
				break;
			}
			filled += count;
		}
		return buffer.subarray(0, filled);
	}

	// firstFrom answers the first type that begins at offset or later: where, and its name.
	firstFrom(offset) {
		let probe = this.probes.get(offset);
		if (probe === undefined) {
			probe = { at: this.end, name: "" };
			for (let length = blockSize; ; length *= 4) {
				const block = this.read(offset, Math.min(length, this.end - offset));
				const at = block.indexOf('\n    "');
				const nameEnd = at < 0 ? -1 : block.indexOf('": {\n', at);
				if (nameEnd >= 0) {
					probe = { at: offset + at, name: block.toString("utf8", at + '\n    "'.length, nameEnd) };
					break;
				}
				if (offset + length >= this.end) {
					break;
				}
			}
			this.probes.set(offset, probe);
		}
		return probe;
	}

	// find parses the type of a name alone. The answer is undefined if bisection does not come upon it.
	find(name) {
		let low = this.start;
		let high = this.end;
		while (low < high) {
			// Within a block it is cheaper to go from one type to the next.
			const middle = high - low > blockSize ? Math.floor((low + high) / 2) : low;
			const probe = this.firstFrom(middle);
			if (probe.at >= high) {
				high = middle;
			} else if (probe.name < name) {
				low = probe.at + 1;
			} else if (probe.name > name) {
				high = middle;
			} else {
				return this.parse(probe);
			}
		}
		return undefined;
	}

	// parse answers the value of the type that begins at a probe.
	parse(probe) {
		for (let length = 2 * blockSize; ; length *= 4) {
			const block = this.read(probe.at, Math.min(length, this.end - probe.at));
			const close = block.indexOf("\n    }", 1);
			if (close >= 0) {
				const type = JSON.parse("{" + block.toString("utf8", 0, close) + "}}")[probe.name];
				return type.fqn === probe.name ? type : undefined;
			}
			if (probe.at + length >= this.end) {
				return undefined;
			}
		}
	}

	// types answers the assembly's types as an object that reads a type when it is asked for. Whatever
	// else is asked of it, and a name that is not found, is answered from all types as parseAll gives them.
	types(parseAll) {
		const found = new Map();
		let all;
		const complete = () => {
			if (all === undefined) {
				all = parseAll();
				for (const name of Object.keys(all)) {
					all[name] = found.get(name) || all[name];
				}
			}
			return all;
		};
		const lookUp = (name) => {
			if (all === undefined && !found.has(name)) {
				try {
					const type = this.find(name);
					if (type !== undefined) {
						found.set(name, type);
					}
				} catch (error) {
					// The whole file answers instead, or says what is wrong with it.
				}
			}
			return found.get(name) || complete()[name];
		};
		return new Proxy({}, {
			get: (target, name) => (typeof name === "string" ? lookUp(name) : undefined),
			has: (target, name) => name in complete(),
			ownKeys: () => Reflect.ownKeys(complete()),
			getOwnPropertyDescriptor: (target, name) => {
				const descriptor = Object.getOwnPropertyDescriptor(complete(), name);
				return descriptor && { ...descriptor, configurable: true };
			},
		});
	}
}

// --- The kernel's second process ---

// The stock kernel is two processes: bin/jsii-runtime.js starts lib/program.js and carries every request,
// answer and line of output between it and the Go program. oneProcess lets the first be the second.
function oneProcess(content, program) {
	const inThisProcess = edit(editProgram(fs.readFileSync(program, "utf8")), [
		["readFD: 3,", "readFD: 0,"],
		["writeFD: 3", "writeFD: 1"],
		[
			"fs.readSync(this.stdin, this.readBuffer, 0, this.readBuffer.length, null)",
			`${hook}.readPipe(this.stdin, this.readBuffer)`,
		],
	]);
	const start =
		'const child = (0, child_process_1.spawn)(process.execPath, [ ...process.execArgv, "--preserve-symlinks", (0, \n' +
		'    path_1.resolve)(__dirname, "..", "lib", "program.js") ], {\n' +
		'        stdio: [ "ignore", "pipe", "pipe", "pipe" ]\n' +
		"    });\n";
	const edited = edit(content, [[start, `return ${hook}.runProgram();\n${start}`]]);
	const options = process.env.NODE_OPTIONS || "";
	const stockOptions = options.replace(/ ?--preserve-symlinks --require "(?:[^"\\]|\\.)*"$/, "");
	if (inThisProcess === undefined || edited === undefined || stockOptions === options) {
		return undefined;
	}
	redirectStandardStreams();
	process.execArgv.push("--preserve-symlinks");
	process.env.NODE_OPTIONS = stockOptions;
	globalThis[Symbol.for("tap.kernel")].runProgram = () => {
		const module = new Module(program);
		module.filename = program;
		module.paths = Module._nodeModulePaths(path.dirname(program));
		compile.call(module, inThisProcess, program);
	};
	return edited;
}

// redirectStandardStreams gives the constructs' code what it has in the stock kernel's second process: no
// input, and output that travels as JSON lines on standard error, because 0 and 1 carry the requests.
function redirectStandardStreams() {
	const output = (name) =>
		new stream.Writable({
			write(chunk, encoding, done) {
				writeAll(2, JSON.stringify({ [name]: chunk.toString("base64") }) + "\n");
				done();
			},
		});
	const streams = {
		stdin: new stream.Readable({ read() { this.push(null); } }),
		stdout: output("stdout"),
		stderr: output("stderr"),
	};
	for (const name of Object.keys(streams)) {
		Object.defineProperty(process, name, { configurable: true, enumerable: true, value: streams[name] });
	}
}

// writeAll writes a text to a descriptor that may be a full pipe which does not block.
function writeAll(descriptor, text) {
	let rest = Buffer.from(text);
	while (rest.length > 0) {
		try {
			rest = rest.subarray(fs.writeSync(descriptor, rest));
		} catch (error) {
			waitIfBusy(error);
		}
	}
}

// readPipe reads from a descriptor that may be an empty pipe which does not block.
function readPipe(descriptor, buffer) {
	for (;;) {
		try {
			return fs.readSync(descriptor, buffer, 0, buffer.length, null);
		} catch (error) {
			waitIfBusy(error);
		}
	}
}

// waitIfBusy waits a millisecond after an error that only says to try again; others are thrown.
function waitIfBusy(error) {
	if (error.code !== "EAGAIN") {
		throw error;
	}
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

// --- Installation ---

const compile = Module.prototype._compile;
const main = process.argv[1] || "";

if (isFile(main, "bin", "jsii-runtime.js") || isFile(main, "lib", "program.js")) {
	globalThis[Symbol.for("tap.kernel")] = { loadAssembly, countTypes, readPipe };
	Module.prototype._compile = function (content, file, ...others) {
		let edited;
		try {
			edited = rewrite(content, file);
		} catch (error) {
			// The file is compiled as it is.
		}
		return compile.call(this, edited === undefined ? content : edited, file, ...others);
	};
}
