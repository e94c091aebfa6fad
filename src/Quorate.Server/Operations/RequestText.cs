using System.Globalization;
using System.Text;
using Google.Protobuf;
using Quorate.Protocol;

namespace Quorate.Server.Operations;

/// <summary>Requests as they are told in logs (spec 06 §12.6): without values, which may be secret and long.</summary>
internal static class RequestText
{
    public static string Of(InternalRaftRequest request)
    {
        string header = request.Header is { } head ? string.Create(CultureInfo.InvariantCulture, $"ID:{head.ID}") : "";
        return request switch
        {
            { Put: { } put } => $"header:<{header}> put:<{Of(put)}>",
            { Txn: { } txn } => $"header:<{header}> txn:<{Of(txn)}>",
            { DeleteRange: { } delete } => $"header:{{{header}}} delete_range:{{{Of(delete)}}}",
            { LeaseGrant: { } grant } =>
                string.Create(CultureInfo.InvariantCulture,
                    $"header:<{header}> lease_grant:<ttl:{grant.TTL}-second id:{grant.ID:x16}>"),
            { LeaseRevoke: { } revoke } =>
                string.Create(CultureInfo.InvariantCulture, $"header:<{header}> lease_revoke:<id:{revoke.ID:x16}>"),
            { Compaction: { } compaction } =>
                string.Create(CultureInfo.InvariantCulture, $"header:{{{header}}} compaction:{{revision:{compaction.Revision}}}"),
            _ => $"header:{{{header}}} {RequestName.Of(request)}:{{}}",
        };
    }

    public static string Of(PutRequest put)
    {
        string lease = put.Lease != 0 ? string.Create(CultureInfo.InvariantCulture, $" lease:{put.Lease}") : "";
        return string.Create(CultureInfo.InvariantCulture, $"key:{Quoted(put.Key)} value_size:{put.Value.Length}{lease}");
    }

    public static string Of(DeleteRangeRequest delete) => Keys(delete.Key, delete.RangeEnd);

    public static string Of(RangeRequest range)
    {
        var text = new StringBuilder(Keys(range.Key, range.RangeEnd));
        void Add(string name, long value)
        {
            if (value != 0)
            {
                text.Append(CultureInfo.InvariantCulture, $" {name}:{value}");
            }
        }

        Add("limit", range.Limit);
        Add("revision", range.Revision);
        text.Append(range.Serializable ? " serializable:true" : "").Append(range.KeysOnly ? " keys_only:true" : "")
            .Append(range.CountOnly ? " count_only:true" : "");
        return text.ToString();
    }

    public static string Of(TxnRequest txn) =>
        $"compare:<{string.Join(' ', txn.Compare.Select(Of))}> success:<{string.Join(' ', txn.Success.Select(Of))}> "
        + $"failure:<{string.Join(' ', txn.Failure.Select(Of))}>";

    /// <summary>An internal error is told without the name of the program.</summary>
    public static string WithoutPrefix(string message) =>
        message.StartsWith("etcdserver: mvcc: ", StringComparison.Ordinal) ? message["etcdserver: ".Length..] : message;

    private static string Of(RequestOp operation) => operation.RequestCase switch
    {
        RequestOp.RequestOneofCase.RequestRange => $"request_range:{{{Of(operation.RequestRange)}}}",
        RequestOp.RequestOneofCase.RequestPut => $"request_put:<{Of(operation.RequestPut)}>",
        RequestOp.RequestOneofCase.RequestDeleteRange => $"request_delete_range:{{{Of(operation.RequestDeleteRange)}}}",
        RequestOp.RequestOneofCase.RequestTxn => $"request_txn:<{Of(operation.RequestTxn)}>",
        _ => "",
    };

    private static string Of(Compare compare) => compare.Target == Compare.Types.CompareTarget.Value
        ? string.Create(CultureInfo.InvariantCulture, $"target:VALUE key:{Quoted(compare.Key)} value_size:{compare.Value.Length}")
        : $"target:{compare.Target.ToString().ToUpperInvariant()} key:{Quoted(compare.Key)}";

    private static string Keys(ByteString key, ByteString end) =>
        $"key:{Quoted(key)}" + (end.IsEmpty ? "" : $" range_end:{Quoted(end)}");

    private static string Quoted(ByteString bytes)
    {
        var text = new StringBuilder("\"");
        foreach (byte one in bytes.Span)
        {
            if (one is (byte)'"' or (byte)'\\')
            {
                text.Append('\\').Append((char)one);
            }
            else if (one is >= (byte)' ' and <= (byte)'~')
            {
                text.Append((char)one);
            }
            else
            {
                text.Append('\\').Append(Convert.ToString(one, 8).PadLeft(3, '0'));
            }
        }

        return text.Append('"').ToString();
    }
}
