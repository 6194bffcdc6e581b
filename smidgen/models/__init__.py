"""Networks as in the papers, built so that torch.export sees few and whole ops."""

from smidgen.models.access_point_encoder import AccessPointEncoder, AccessPointEncoderConfig
from smidgen.models.attention import CausalSelfAttention
from smidgen.models.classifier import MODEL_NAMES, ClassifierConfig, LastStep, RoomClassifier, build_model
from smidgen.models.confident import ConfidentRooms
from smidgen.models.crf import LinearChainCRF
from smidgen.models.decoder import DecodedClassifier, DecodedClassifierConfig, DecoderConfig, RoomDecoder
from smidgen.models.ensemble import RoomEnsemble, together
from smidgen.models.gru import BidirectionalGRUEncoder, GRUConfig, GRUEncoder
from smidgen.models.keyword import KeywordConfig, KeywordSpotter
from smidgen.models.mamba import MambaBlock, MambaBlockConfig, MambaConfig, MambaEncoder, MambaMixer
from smidgen.models.mamba_backbone import MambaBackbone, MambaBackboneConfig
from smidgen.models.mdcsa import MDCSAConfig, MDCSAEncoder
from smidgen.models.mdcsa_crf import MDCSACRF, MDCSACRFConfig
from smidgen.models.mlp import MLPConfig, MLPEncoder
from smidgen.models.pretrained import PretrainedModel, load_model
from smidgen.models.radio import RadioFrontEnd
from smidgen.models.selective_scan import (
    selective_scan,
    selective_scan_reference,
    selective_scan_states,
    selective_scan_step,
)
from smidgen.models.ssd import SSDBlock, SSDConfig, SSDEncoder
from smidgen.models.ssd_scan import ssd_scan, ssd_scan_reference, ssd_scan_states
from smidgen.models.tcn import TCNConfig, TCNEncoder
from smidgen.models.transformer import TransformerBlock, TransformerConfig, TransformerEncoder
from smidgen.rssi import NOT_HEARD_DBM

__all__ = [
    "MDCSACRF",
    "MODEL_NAMES",
    "NOT_HEARD_DBM",
    "AccessPointEncoder",
    "AccessPointEncoderConfig",
    "BidirectionalGRUEncoder",
    "CausalSelfAttention",
    "ClassifierConfig",
    "ConfidentRooms",
    "DecodedClassifier",
    "DecodedClassifierConfig",
    "DecoderConfig",
    "GRUConfig",
    "GRUEncoder",
    "KeywordConfig",
    "KeywordSpotter",
    "LastStep",
    "LinearChainCRF",
    "MDCSACRFConfig",
    "MDCSAConfig",
    "MDCSAEncoder",
    "MLPConfig",
    "MLPEncoder",
    "MambaBackbone",
    "MambaBackboneConfig",
    "MambaBlock",
    "MambaBlockConfig",
    "MambaConfig",
    "MambaEncoder",
    "MambaMixer",
    "PretrainedModel",
    "RadioFrontEnd",
    "RoomClassifier",
    "RoomDecoder",
    "RoomEnsemble",
    "SSDBlock",
    "SSDConfig",
    "SSDEncoder",
    "TCNConfig",
    "TCNEncoder",
    "TransformerBlock",
    "TransformerConfig",
    "TransformerEncoder",
    "build_model",
    "load_model",
    "selective_scan",
    "selective_scan_reference",
    "selective_scan_states",
    "selective_scan_step",
    "ssd_scan",
    "ssd_scan_reference",
    "ssd_scan_states",
    "together",
]
