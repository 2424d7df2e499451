import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import org.elasticsearch.TransportVersion;
import org.elasticsearch.common.bytes.BytesReference;
import org.elasticsearch.common.io.stream.StreamInput;
import org.elasticsearch.common.util.BigArrays;
import org.elasticsearch.search.aggregations.AggregationReduceContext;
import org.elasticsearch.search.aggregations.AggregatorFactories;
import org.elasticsearch.search.aggregations.InternalAggregations;
import org.elasticsearch.xcontent.ToXContent;
import org.elasticsearch.xcontent.XContentBuilder;
import org.elasticsearch.xcontent.XContentParser;
import org.elasticsearch.xcontent.XContentType;
import org.elasticsearch.xcontent.json.JsonXContent;

/**
 * Aggregations by Elasticsearch's own classes. Reads one JSON object a line and answers with one a line:
 *
 *   {"op": "encode", "aggs": "{...}"}                         {"bytes": base64 of the AggregatorFactories.Builder, "body": as it renders them}
 *   {"op": "render", "bytes": base64 of InternalAggregations} {"body": with typed keys, "bytes": the same, written again, "rest": unread bytes}
 *   {"op": "reduce", "aggs": "{...}", "partials": [base64], "final": true}  the same of what they are reduced to
 */
public class AggregationOracle {
    static final TransportVersion VERSION = TransportVersion.fromId(8841096);

    public static void main(String[] args) throws Exception {
        Searching.serve(AggregationOracle::answer);
    }

    static void answer(Map<String, Object> call, XContentBuilder answer) throws Exception {
        switch ((String) call.get("op")) {
            case "encode" -> {
                AggregatorFactories.Builder builders = builders(call);
                answer.field("bytes", Searching.base64(Searching.write(builders, VERSION))).field("body", builders);
            }
            case "render" -> {
                StreamInput in = Searching.input(Searching.bytes(call.get("bytes")), VERSION);
                show(InternalAggregations.readFrom(in), answer);
                answer.field("rest", in.available());
            }
            case "reduce" -> {
                List<InternalAggregations> partials = new ArrayList<>();
                for (Object bytes : (List<?>) call.get("partials")) {
                    partials.add(InternalAggregations.readFrom(Searching.input(Searching.bytes(bytes), VERSION)));
                }
                AggregatorFactories.Builder builders = builders(call);
                AggregationReduceContext context = call.get("final").equals(true)
                    ? new AggregationReduceContext.ForFinal(BigArrays.NON_RECYCLING_INSTANCE, null, () -> false, builders, count -> {})
                    : new AggregationReduceContext.ForPartial(BigArrays.NON_RECYCLING_INSTANCE, null, () -> false, builders, count -> {});
                show(InternalAggregations.topLevelReduce(partials, context), answer);
            }
            default -> throw new IllegalArgumentException("op");
        }
    }

    static AggregatorFactories.Builder builders(Map<String, Object> call) throws Exception {
        try (XContentParser parser = Searching.parser(call.get("aggs"))) {
            parser.nextToken();
            return AggregatorFactories.parseAggregators(parser);
        }
    }

    static void show(InternalAggregations results, XContentBuilder answer) throws Exception {
        XContentBuilder body = JsonXContent.contentBuilder().startObject();
        results.toXContentInternal(body, new ToXContent.MapParams(Map.of("typed_keys", "true")));
        body.endObject();
        answer.field("bytes", Searching.base64(Searching.write(results, VERSION)));
        answer.rawField("body", BytesReference.bytes(body).streamInput(), XContentType.JSON);
    }
}
