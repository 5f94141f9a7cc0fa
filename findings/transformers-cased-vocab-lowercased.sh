#!/usr/bin/env bash
# Expected: a BERT whose vocab.txt holds words with capitals ("The", "Film") keeps the capitals of texts. The BERT README
#           (google-research/bert) says to pass do_lower_case=False for cased models; a vocabulary shows which kind it is.
# Happens:  with vocab.txt and config.json alone, AutoTokenizer makes texts lower-case and strips accents, without a
#           warning: every word that is in the vocabulary with a capital only becomes [UNK] or small pieces.
# Hurts:    anyone who loads a checkpoint from the time before tokenizer.json, or one whose tokenizer_config.json was not
#           copied: the network reads other tokens than it was trained on, trains and serves, and is a little worse.
# Versions: transformers 5.23.0, tokenizers 0.23.3.
# Here:     training_job/fit/bases.py decides by tokenizer_config.json, else by the vocabulary, and prints a line;
#           tests/training_job/fit/test_bases.py::test_a_vocabulary_alone_makes_the_tokenizer_that_its_words_ask_for
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3

cat > "$folder/look.py" <<'PY'
import json
import pathlib
import sys
import warnings

import tokenizers
import transformers
from transformers import AutoTokenizer

print(f"transformers {transformers.__version__}, tokenizers {tokenizers.__version__}, python {sys.version.split()[0]}")
folder = pathlib.Path(sys.argv[1])
words = "[PAD] [UNK] [CLS] [SEP] [MASK] a good The Film Zürich ##s".split()
(folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
(folder / "config.json").write_text(json.dumps({"model_type": "bert", "vocab_size": len(words)}))
text = "The good Films a Zürich"
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    silent = AutoTokenizer.from_pretrained(folder).tokenize(text)
asked = AutoTokenizer.from_pretrained(folder, do_lower_case=False).tokenize(text)
print(f"{text!r}, vocab.txt alone:      {silent}")
print(f"{text!r}, do_lower_case=False: {asked}")
print("warnings that name the case:", sum("case" in str(item.message) for item in caught))
if silent.count("[UNK]") == 3 and "[UNK]" not in asked:
    print("as described")
else:
    print("changed: the capitals of a cased vocabulary are kept, or its words are read otherwise")
    sys.exit(1)
PY
mkdir "$folder/model"
"$folder/venv/bin/python" "$folder/look.py" "$folder/model"
