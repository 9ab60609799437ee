// Package kernel makes synthesis fast and small: the program loads only what it uses of the AWS
// provider. It changes no output, and it can be deleted: remove the package and the calls of
// Accelerate, and the program does the same, in several times the time and memory.
//
// # What is slow
//
// CDKTF and its providers are written in TypeScript. A Go program uses them through jsii: the Go
// packages (the bindings) hold no logic, they describe each call as one line of JSON. A child
// process runs Node with the jsii kernel, which reads these lines, creates and calls the real
// objects, and answers. The bindings carry the kernel and the npm packages of constructs, cdktf and
// the provider inside themselves; jsii unpacks the packages into a cache folder of its own once,
// and at every start it links them into a temporary folder and loads them.
//
// To load a package, the kernel does two things, and for the AWS provider both are large:
//
//   - It requires the package's lib/index.js. The provider's index requires the modules of all
//     resources and data sources at once, more than 2,100, and a program uses a few dozen.
//   - It parses the package's assembly, the file .jsii: a JSON description of every type, which the
//     kernel needs to check and convert the arguments of calls. The provider's describes 23,000
//     types in 120 MB, and this program uses fewer than two hundred.
//
// That is most of the time of a synthesis, and nearly all of its memory.
//
// # What Accelerate does
//
// It writes the script preload.js into the user's cache folder and has Node load it before the
// kernel, through NODE_OPTIONS. The script lies in wait where Node compiles modules, and edits four
// files in memory as they pass. Nothing on disk is changed.
//
//   - The provider's lib/index.js: each exports.x = require("./x") becomes a property that requires
//     its module when it is first read.
//   - The kernel's lib/program.js: the function that loads an assembly answers, for the provider, an
//     object that looks a type up in the file when it is asked for it. jsii writes assemblies as
//     indented JSON with sorted keys, so the start of a type is a line that can be told from all
//     others, and a dozen reads of 8 KB find it by bisection. Only that type is parsed, and kept. No
//     index is built, so that there is none to go stale. Beside that, the text of one assertion is
//     composed only if it fails; the stock kernel does so for every value.
//   - The kernel's bin/jsii-runtime.js, with program.js again: the stock kernel is two Node
//     processes, of which the first starts the second and carries everything between it and the Go
//     program. The first becomes the second instead. That saves a start of Node, a hop for every
//     call, and a process to wait for at the end. What constructs print takes the same form as
//     before, so that the Go side sees no difference.
//   - cdktf's lib/private/fs.js: the library that zips assets is loaded when there is one to zip.
//
// # What can go wrong, and what happens then
//
// Every edit names the text that it replaces in full. A file in which that text is not there
// exactly once is not touched, nor is an index that holds any statement but the expected ones:
// another version of jsii, cdktf or the provider is at worst slow. The tests fail then, as they
// count the modules that are loaded and the processes that run.
//
// A type that bisection does not find, for instance because the assembly is not sorted, and any
// error of reading, makes the kernel's own function load the whole file; from then on all types
// come from there, and errors are its own. The cache folder may be missing, read-only, or shared by
// programs that start at the same time: the script is written under another name and moved into
// place, its name holds its digest, and its content is compared before it is used. Where it cannot
// be written, the kernel is stock.
//
// The variable TAP_STOCK_KERNEL=1 switches everything off, to see whether this package is to blame
// for something.
//
// # Environment
//
// An existing NODE_OPTIONS is kept and comes first. Where there is none, jsii-runtime-go sets the
// size of Node's heap; a NODE_OPTIONS of ours would switch that off, so it is repeated here. The
// program's own environment is restored before Accelerate returns, and the kernel's before the
// first construct, so that neither's child processes see the script. One option goes with it,
// --preserve-symlinks, which the stock kernel gives to its second process: packages find each other
// through the temporary folder's links.
//
// The tests pass with Node 20, 22 and 24. The one thing the script uses that Node does not document
// is Module.prototype._compile, where many tools edit modules, and which Node leaves in place for
// them. Nothing in it is particular to Linux: requests travel by read and write calls on pipes,
// which Go hands to a child in blocking mode; files are recognized by the end of their path, so
// that it does not matter that a temporary folder of macOS is reached through a link; the user's
// cache folder is os.UserCacheDir, which is ~/Library/Caches there. On Windows the kernel is stock.
//
// # What is left
//
// The rest is what CDKTF costs by itself: starting Node, compiling the kernel and cdktf, and the
// calls, about half a millisecond for each resource. Two costs of the provider remain: its archive of 34
// MB is written to a temporary folder by the bindings and hashed by the kernel at every start, to
// find it among the unpacked ones. Both sides would have to trust something other than the content
// to avoid it. The check for an outdated Node stays as well: it takes a few milliseconds and tells
// the user something true.
package kernel
