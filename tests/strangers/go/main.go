// A stranger checks the log over HTTP with golang.org/x/mod/sumdb alone: every hash, every entry,
// every proof and every head, in the code that Go's own checksum database is checked with.
//
// Usage: strangers VERIFIER-KEY LOG-URL
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8 // of a tile: 256 hashes side by side

// tlogLog reads a log below a URL. It is a tlog.TileReader.
type tlogLog struct{ base string }

func (l tlogLog) Height() int                         { return height }
func (l tlogLog) SaveTiles(_ []tlog.Tile, _ [][]byte) {}
func (l tlogLog) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	all := make([][]byte, len(tiles))
	for n, tile := range tiles {
		data, err := l.get("/tile/" + tilePath(tile))
		if err != nil {
			return nil, err
		}
		all[n] = data
	}
	return all, nil
}

// tilePath leaves out what tlog writes in front of a path: the height, which c2sp.org/tlog-tiles fixes.
func tilePath(tile tlog.Tile) string {
	start := fmt.Sprintf("tile/%d/", height)
	return tile.Path()[len(start):]
}

func (l tlogLog) get(path string) ([]byte, error) {
	answer, err := http.Get(l.base + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, answer.Status)
	}
	return data, err
}

func must[T any](found T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return found
}

func (l tlogLog) json(path string, into any) {
	if err := json.Unmarshal(must(l.get(path)), into); err != nil {
		log.Fatalf("%s: %v", path, err)
	}
}

// open verifies a signed head and returns the tree it speaks of.
func open(text []byte, keys note.Verifiers) tlog.Tree {
	opened := must(note.Open(text, keys))
	var origin, root string
	var tree tlog.Tree
	if _, err := fmt.Sscanf(opened.Text, "%s\n%d\n%s\n", &origin, &tree.N, &root); err != nil {
		log.Fatalf("the head's text: %v", err)
	}
	if origin != opened.Sigs[0].Name {
		log.Fatalf("the head is of %s, signed by %s", origin, opened.Sigs[0].Name)
	}
	tree.Hash = must(tlog.ParseHash(root))
	return tree
}

// entries returns the entries of a tree, taken from its entry bundles.
func (l tlogLog) entries(size int64) [][]byte {
	var all [][]byte
	for start := int64(0); start < size; start += 1 << height {
		width := int(min(size-start, 1<<height))
		tile := tlog.Tile{H: height, L: 0, N: start >> height, W: width}
		bundle := must(l.get("/tile/entries/" + tilePath(tile)[len("0/"):]))
		for len(bundle) > 0 {
			length := int(binary.BigEndian.Uint16(bundle))
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
	}
	return all
}

func hashes(texts []string) []tlog.Hash {
	found := make([]tlog.Hash, len(texts))
	for n, text := range texts {
		copy(found[n][:], must(base64.StdEncoding.DecodeString(text)))
	}
	return found
}

func main() {
	log.SetFlags(0)
	verifier := must(note.NewVerifier(os.Args[1]))
	stranger, keys := tlogLog{os.Args[2]}, note.VerifierList(verifier)

	head := open(must(stranger.get("/checkpoint")), keys)
	entries := stranger.entries(head.N)
	if int64(len(entries)) != head.N {
		log.Fatalf("%d entries, and the head says %d", len(entries), head.N)
	}

	// TileHashReader verifies every tile it reads against the head's root.
	reader := tlog.TileHashReader(head, stranger)
	for index, entry := range entries {
		index := int64(index)
		stored := must(reader.ReadHashes([]int64{tlog.StoredHashIndex(0, index)}))
		if stored[0] != tlog.RecordHash(entry) {
			log.Fatalf("entry %d is not the one in the tiles", index)
		}
		var proof struct{ Hashes []string }
		stranger.json("/proofs/inclusion?"+url.Values{
			"index": {fmt.Sprint(index)}, "treeSize": {fmt.Sprint(head.N)},
		}.Encode(), &proof)
		err := tlog.CheckRecord(hashes(proof.Hashes), head.N, head.Hash, index, tlog.RecordHash(entry))
		if err != nil {
			log.Fatalf("inclusion of entry %d: %v", index, err)
		}
	}

	var heads struct{ Items []struct{ Note string } }
	stranger.json("/tree-heads", &heads)
	for _, item := range heads.Items {
		older := open([]byte(item.Note), keys)
		if root := must(tlog.TreeHash(older.N, reader)); root != older.Hash {
			log.Fatalf("the head of %d has another root", older.N)
		}
		if older.N == head.N {
			continue
		}
		var proof struct{ Hashes []string }
		stranger.json(fmt.Sprintf("/proofs/consistency?first=%d&second=%d", older.N, head.N), &proof)
		if err := tlog.CheckTree(hashes(proof.Hashes), head.N, head.Hash, older.N, older.Hash); err != nil {
			log.Fatalf("consistency with %d: %v", older.N, err)
		}
	}
	digest := sha256.Sum256(must(stranger.get("/checkpoint")))
	fmt.Printf("%d entries, %d heads: fine (%x)\n", head.N, len(heads.Items), digest[:4])
}
