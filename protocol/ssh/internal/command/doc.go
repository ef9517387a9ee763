// Package command judges the command line of an SSH exec request: what it may
// do ([Line.Effects]), which programs it runs and what it names
// ([Line.Objects]), and whether it is one of the servers that scp, rsync, git
// and sftp start on the other side ([Line.Verb]). It only reads the text.
//
// # Promises
//
// [Parse] never fails: a text that does not parse, is too long, too deeply
// nested, not UTF-8, or holds control characters counts as
// [protocol.Everything]. Every command is looked at: those of lists, pipes,
// loops, functions, substitutions and here-documents, those that other programs
// run (sudo, env, xargs, find -exec, sh -c) included. A command counts as if it
// ran, whatever stands before it.
//
// What is known of programs is a table. It lists the options that are
// understood; every other option adds [protocol.Opaque] and the worst that the
// program can do. A program that is not in the table, or that is not the
// system's own, is [protocol.Code] and Opaque. A name that is not literal is
// everything; a path that is not literal is Opaque, a pattern of paths too.
//
// Each program is an object with what the call does, the files it names are
// objects of their own. An object that cannot be named is called "?": an option
// that is not understood may name a file, so the call has one more object, the
// path "?". So a rule with objects allows a line only where it allows all of
// them, and one that allows a program alone allows what is understood of it.
// What goes to a directory, or may do so (cp a b), is named there too.
//
// What replaces a file's content (">", cp, tee, curl -o) counts as Write and
// Destroy, since it may have had content. A copy that a client sends by scp or
// rsync counts as Write, as Opaque, since its names come later, and as Destroy
// where it removes other files. What reaches below directories and reads or
// changes what it finds there (rm -r, grep -r, tar, rsync) is Opaque: nobody can
// say what it touches. What lists names alone (ls -R, find, tree, du) is Read of
// the directory where it begins, and shows what is below; moving or linking a
// directory moves all that is in it, and names the directory.
//
// A path with ".." is Opaque, since what stands before it may be a link, and so
// is one that leads through the links of /proc.
//
// # What text cannot tell
//
// The login shell of the target is not known; it need not be bash. Lines are
// read as bash reads them, since its grammar holds those of dash, busybox and
// ksh but for a few constructs, and lines with one of these are read as a
// POSIX shell reads them too; what either would run counts. zsh agrees in what is
// understood here. A login shell of another family (fish, csh, PowerShell,
// cmd.exe) reads lines differently, and must not be judged by this package.
//
// A program is known by its name alone. What PATH, aliases, functions and start
// files of the target's account make of a name is not seen, nor are links in
// the file system, settings (of git, ssh, vim, …) that name programs, or the
// environment that the target sets. Who may write to such places may give
// names another meaning: doing so has the effect Code where it is recognised.
// Options are those of GNU and busybox; those of the BSDs differ here and there.
//
// Paths are as they are written, cleaned, relative to the directory of the
// login, or to that of a cd in the line. Nothing is looked up: "cat x" touches
// x wherever x leads. Who may make links makes names: making one is Write on
// what it leads to as well.
//
// Where the directory of the login is, is not known either: "notes/x" and
// "~/notes/x" may be /home/u/notes/x, and a rule that denies the last does not
// match them. Such a rule must say all three: "path:/home/*/notes/*",
// "path:~/notes/*", "path:notes/*".
//
// What git shows of a repository (log, show, cat-file, archive) is not named,
// and neither are files whose existence or attributes are asked for by test and
// by find's conditions.
package command
