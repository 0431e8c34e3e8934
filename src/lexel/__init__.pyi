from lexel.costs.count import image_tokens as image_tokens
from lexel.errors import LexelError as LexelError
from lexel.loading.load import load as load
from lexel.loading.load import save as save
from lexel.measures.compare import Comparison as Comparison
from lexel.measures.compare import compare as compare
from lexel.pictures.picture import Picture as Picture
from lexel.pictures.picture import Pictures as Pictures
from lexel.pictures.read import read as read
from lexel.pipelines.compose import Pipeline as Pipeline
from lexel.pipelines.compose import pipeline as pipeline
from lexel.pipelines.compose import reduce as reduce
from lexel.ragged.plan import Plan as Plan
from lexel.tokens.value import Tokens as Tokens

__version__: str
