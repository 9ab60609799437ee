// Node loads this module before it runs the jsii kernel; the package comment of kernel says why.
//
// Two files of the kernel and two of the packages that it loads are edited in memory, as Node compiles them.
// Every edit names the exact text that it replaces: a file that does not contain that text exactly once is
// compiled as it is.
import fs from "node:fs";
import Module from "node:module";
import path from "node:path";
import stream from "node:stream";

const compile = Module.prototype._compile;

Module.prototype._compile = function (content, file, ...others) {
	let edited;
	try {
		edited = rewrite(content, file);
	} catch (error) {
		// The file is compiled as it is.
	}
	return compile.call(this, edited ?? content, file, ...others);
};

// rewrite returns what Node is to compile instead of a file's content; undefined leaves it as it is.
function rewrite(content, file) {
	const isFile = (...components) => file.endsWith(path.join(path.sep, ...components));
	if (isFile("@cdktf", "provider-aws", "lib", "index.js")) {
		return lazyIndex(content);
	}
	if (isFile("cdktf", "lib", "private", "fs.js")) {
		return edit(content, lazyArchiver);
	}
	if (isFile("lib", "program.js")) {
		return editProgram(content);
	}
	if (isFile("bin", "jsii-runtime.js")) {
		return oneProcess(content, path.join(path.dirname(file), "..", "lib", "program.js"));
	}
	return undefined;
}

// edit applies [text, replacement] pairs. It returns undefined unless the source contains each text exactly once.
function edit(source, edits) {
	for (const [text, replacement] of edits) {
		const parts = source.split(text);
		if (parts.length !== 2) {
			return undefined;
		}
		source = parts.join(replacement);
	}
	return source;
}

// --- The provider's index ---

const lazyExport = /^exports\.(\w+) = require\("(\.\/[\w-]+)"\);$/;
const inertLine =
	/^("use strict";|Object\.defineProperty\(exports, "__esModule", .+;|(exports\.\w+ = )+void 0;|\/\*\*| \*.*|\/\/.*|)$/;

// lazyIndex turns `exports.x = require("./x");` into a getter that requires ./x when it is first read.
// An index that contains any other statement is left alone.
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

// lazyArchiver loads archiver, a quarter of what loading cdktf costs, only where an asset is zipped.
const lazyArchiver = [
	[
		'const archiver = require("archiver");',
		'const archiver = (...options) => require("archiver")(...options);',
	],
];

// --- The kernel's program ---

const hook = 'globalThis[Symbol.for("tap.kernel")]';
globalThis[Symbol.for("tap.kernel")] = { loadAssembly };

// lazyAssembly lets the kernel load assemblies with loadAssembly. It no longer counts their types, which would
// read all of them: one number goes to a debugging message, one to the Go program, which does not look at it.
const lazyAssembly = [
	[
		"return loadAssemblyFromFile(assemblyFile, validate);",
		`return ${hook}.loadAssembly(assemblyFile, validate, loadAssemblyFromFile);`,
	],
	["Object.keys((_b = assm.metadata.types) !== null && _b !== void 0 ? _b : {}).length", "undefined"],
	["Object.keys((_c = assmSpec.types) !== null && _c !== void 0 ? _c : {}).length", "undefined"],
];

// quietAssertion composes the message of an assertion only if it fails, not for every value that passes
// between the program and the kernel.
const assertion =
	"assert(typeRef != null, `Kernel error: expected type information, got ${(0, util_1.inspect)(typeRef)}`);";
const quietAssertion = [[assertion, `if (typeRef == null) ${assertion}`]];

function editProgram(source) {
	const lazy = edit(source, lazyAssembly) ?? source;
	return edit(lazy, quietAssertion) ?? lazy;
}

// loadAssembly returns what the kernel's own function (stock) does, but the provider's types are parsed when
// they are first looked up.
function loadAssembly(file, validate, stock) {
	if (!validate && file.endsWith(path.join(path.sep, "@cdktf", "provider-aws", ".jsii"))) {
		try {
			const assembly = new AssemblyFile(file);
			return { ...assembly.metadata, types: assembly.types(() => stock(file, validate).types) };
		} catch (error) {
			// Whatever is wrong with the file, the kernel's own function reports it.
		}
	}
	return stock(file, validate);
}

const blockSize = 8192;

// AssemblyFile reads a .jsii file as jsii writes it: JSON indented by two spaces, keys sorted. Line feeds are
// escaped inside JSON strings, so that one followed by four spaces and a quote can only be the start of a type.
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
		// The types are in [start, end): each begins at a line feed, and the last ends before end.
		this.start = open + types.length;
		this.end = Math.max(0, size - blockSize) + close + "\n    }".length;
		this.metadata = JSON.parse(head.toString("utf8", 0, open) + tail.toString("utf8", close + "\n    }\n  },".length));
	}

	// read returns the bytes of the file from offset on, fewer at its end.
	read(offset, length) {
		const buffer = Buffer.allocUnsafe(length);
		return buffer.subarray(0, fs.readSync(this.descriptor, buffer, 0, length, offset));
	}

	// firstFrom returns where the first type begins that begins at offset or later, and its name.
	firstFrom(offset) {
		let probe = this.probes.get(offset);
		for (let length = blockSize; probe === undefined; length *= 4) {
			const block = this.read(offset, Math.min(length, this.end - offset));
			const at = block.indexOf('\n    "');
			const nameEnd = at < 0 ? -1 : block.indexOf('": {\n', at);
			if (nameEnd >= 0) {
				probe = { at: offset + at, name: block.toString("utf8", at + '\n    "'.length, nameEnd) };
			} else if (offset + length >= this.end) {
				probe = { at: this.end, name: "" };
			}
		}
		this.probes.set(offset, probe);
		return probe;
	}

	// find parses the type of a name alone. It returns undefined if bisection does not come upon it.
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

	// parse returns the type that begins at a probe.
	parse(probe) {
		for (let length = 2 * blockSize; ; length *= 4) {
			const block = this.read(probe.at, Math.min(length, this.end - probe.at));
			const close = block.indexOf("\n    }", 1);
			if (close >= 0) {
				return JSON.parse("{" + block.toString("utf8", 0, close) + "}}")[probe.name];
			}
			if (probe.at + length >= this.end) {
				return undefined;
			}
		}
	}

	// types returns the assembly's types as an object that reads a type when it is asked for. Whatever else is
	// asked of it, and a name that is not found, is answered from all types, which parseAll returns.
	types(parseAll) {
		const found = new Map();
		let all;
		const complete = () => (all ??= { ...parseAll(), ...Object.fromEntries(found) });
		const lookUp = (name) => {
			if (all === undefined && !found.has(name)) {
				try {
					const type = this.find(name);
					if (type?.fqn === name) {
						found.set(name, type);
					}
				} catch (error) {
					// The whole file answers instead, or says what is wrong with it.
				}
			}
			return found.get(name) ?? complete()[name];
		};
		return new Proxy({}, {
			get: (target, name) => (typeof name === "string" ? lookUp(name) : undefined),
			has: (target, name) => name in complete(),
			ownKeys: () => Reflect.ownKeys(complete()),
			getOwnPropertyDescriptor: (target, name) => Object.getOwnPropertyDescriptor(complete(), name),
		});
	}
}

// --- The kernel's second process ---

// oneProcess returns the program for the place of bin/jsii-runtime.js, which would start a process for it and
// carry every request, answer and line of output between that and the Go program.
function oneProcess(content, program) {
	const start =
		'const child = (0, child_process_1.spawn)(process.execPath, [ ...process.execArgv, "--preserve-symlinks", (0, \n' +
		'    path_1.resolve)(__dirname, "..", "lib", "program.js") ], {\n' +
		'        stdio: [ "ignore", "pipe", "pipe", "pipe" ]\n' +
		"    });\n";
	const edited = edit(editProgram(fs.readFileSync(program, "utf8")), [
		["readFD: 3,", "readFD: 0,"],
		["writeFD: 3", "writeFD: 1"],
	]);
	if (edit(content, [[start, ""]]) === undefined || edited === undefined) {
		return undefined;
	}
	redirectStandardStreams();
	process.execArgv.push("--preserve-symlinks");
	process.env.NODE_OPTIONS = process.env.NODE_OPTIONS.replace(/ --preserve-symlinks --import \S+$/, "");
	return edited;
}

// redirectStandardStreams gives the constructs' code what it has in the stock kernel's second process: no
// input, and output that travels as JSON lines on standard error, because 0 and 1 carry the requests.
function redirectStandardStreams() {
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
}
