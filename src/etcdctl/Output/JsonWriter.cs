using System.Text;
using Google.Protobuf;
using Google.Protobuf.Collections;
using Quorate.Protocol;
using Quorate.Protocol.Authentication;
using Quorate.Protocol.KeyValues;

namespace Quorate.Etcdctl.Output;

/// <summary>Writes the JSON of Go's tools: its field names and order, and what they leave out (spec 07 §5.2).</summary>
internal sealed class JsonWriter
{
    private readonly StringBuilder _text = new();
    private bool _needsComma;

    public override string ToString() => _text.ToString();

    public JsonWriter Object(Action content)
    {
        Separate();
        _text.Append('{');
        _needsComma = false;
        content();
        _text.Append('}');
        _needsComma = true;
        return this;
    }

    public JsonWriter Array<T>(IEnumerable<T> items, Action<T> write)
    {
        Separate();
        _text.Append('[');
        _needsComma = false;
        foreach (T item in items)
        {
            write(item);
        }

        _text.Append(']');
        _needsComma = true;
        return this;
    }

    public JsonWriter Name(string name)
    {
        Separate();
        _text.Append('"').Append(name).Append("\":");
        _needsComma = false;
        return this;
    }

    public void Raw(string value)
    {
        Separate();
        _text.Append(value);
        _needsComma = true;
    }

    public void Text(string value)
    {
        var quoted = new StringBuilder("\"");
        foreach (Rune rune in value.EnumerateRunes())
        {
            quoted.Append(rune.Value switch
            {
                '"' => "\\\"",
                '\\' => "\\\\",
                '\n' => "\\n",
                '\r' => "\\r",
                '\t' => "\\t",
                '<' or '>' or '&' or 0x2028 or 0x2029 or < 0x20 => $"\\u{rune.Value:x4}",
                _ => rune.ToString(),
            });
        }

        Raw(quoted.Append('"').ToString());
    }

    public void Bytes(string name, ByteString value)
    {
        if (!value.IsEmpty)
        {
            Name(name).Raw($"\"{value.ToBase64()}\"");
        }
    }

    public void Number(string name, long value)
    {
        if (value != 0)
        {
            Name(name).Raw(value.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    public void Number(string name, ulong value)
    {
        if (value != 0)
        {
            Name(name).Raw(value.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    public void Truth(string name, bool value)
    {
        if (value)
        {
            Name(name).Raw("true");
        }
    }

    public void OptionalText(string name, string value)
    {
        if (value.Length > 0)
        {
            Name(name).Text(value);
        }
    }

    public void Texts(string name, RepeatedField<string> values)
    {
        if (values.Count > 0)
        {
            Name(name).Array(values, Text);
        }
    }

    public void Header(string name, ResponseHeader? header, bool hex = false)
    {
        if (header is not null)
        {
            Name(name).Object(() => HeaderFields(header, hex));
        }
    }

    public void HeaderFields(ResponseHeader? header, bool hex = false)
    {
        if (header is null)
        {
            return;
        }

        Id("cluster_id", header.ClusterId, hex);
        Id("member_id", header.MemberId, hex);
        Number("revision", header.Revision);
        Number("raft_term", header.RaftTerm);
    }

    public void Id(string name, ulong id, bool hex)
    {
        if (id != 0)
        {
            Name(name).Raw(hex ? $"\"{id:x}\"" : id.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }

    public void Pair(KeyValue pair) => Object(() =>
    {
        Bytes("key", pair.Key);
        Number("create_revision", pair.CreateRevision);
        Number("mod_revision", pair.ModRevision);
        Number("version", pair.Version);
        Bytes("value", pair.Value);
        Number("lease", pair.Lease);
    });

    public void Pair(string name, KeyValue? pair)
    {
        if (pair is not null)
        {
            Name(name);
            Pair(pair);
        }
    }

    public void Pairs(string name, RepeatedField<KeyValue> pairs)
    {
        if (pairs.Count > 0)
        {
            Name(name).Array(pairs, Pair);
        }
    }

    public void Range(RangeResponse response) => Object(() =>
    {
        Header("header", response.Header);
        Pairs("kvs", response.Kvs);
        Truth("more", response.More);
        Number("count", response.Count);
    });

    public void Put(PutResponse response) => Object(() =>
    {
        Header("header", response.Header);
        Pair("prev_kv", response.PrevKv);
    });

    public void Delete(DeleteRangeResponse response) => Object(() =>
    {
        Header("header", response.Header);
        Number("deleted", response.Deleted);
        Pairs("prev_kvs", response.PrevKvs);
    });

    public void Txn(TxnResponse response) => Object(() =>
    {
        Header("header", response.Header);
        Truth("succeeded", response.Succeeded);
        if (response.Responses.Count > 0)
        {
            Name("responses").Array(response.Responses, each => Object(() => Name("Response").Object(() =>
            {
                switch (each.ResponseCase)
                {
                    case ResponseOp.ResponseOneofCase.ResponseRange: Name("response_range").Range(each.ResponseRange); break;
                    case ResponseOp.ResponseOneofCase.ResponsePut: Name("response_put").Put(each.ResponsePut); break;
                    case ResponseOp.ResponseOneofCase.ResponseDeleteRange:
                        Name("response_delete_range")
                        .Delete(each.ResponseDeleteRange); break;
                    case ResponseOp.ResponseOneofCase.ResponseTxn: Name("response_txn").Txn(each.ResponseTxn); break;
                }
            })));
        }
    });

    public void Member(Member member, bool hex) => Object(() =>
    {
        Id("ID", member.ID, hex);
        OptionalText("name", member.Name);
        Texts("peerURLs", member.PeerURLs);
        Texts("clientURLs", member.ClientURLs);
        Truth("isLearner", member.IsLearner);
    });

    public void Permission(Permission permission) => Object(() =>
    {
        Number("permType", (long)permission.PermType);
        Bytes("key", permission.Key);
        Bytes("range_end", permission.RangeEnd);
    });

    private void Separate()
    {
        if (_needsComma)
        {
            _text.Append(',');
            _needsComma = false;
        }
    }
}
